import Model
import Randomness
import Testing

@Suite struct CodecTests {
    private static func commands() throws -> [Command] {
        let key = try IdempotencyKey([1, 2, 3])
        let reservation = NameReservation(
            username: try Username("alice"),
            user: UserID(1),
            displayName: "Alice",
            bio: "about",
            version: 9
        )
        let list = SortedList(cap: 4, entries: [ListEntry(tweet: TweetID(5), replyTo: UserID(6), arrival: 7)])
        let change = EdgeChange(
            follower: UserID(1),
            author: UserID(2),
            isFollowing: true,
            version: 3,
            time: 4,
            subscription: .begin(generation: 3, isListAwaited: true)
        )
        let messages: [MailMessage] = [
            .createUser(reservation, createdAt: 1), .userCreated(reservation, accepted: true),
            .reserveName(reservation), .nameReserved(reservation, accepted: false),
            .releaseName(folded: "alice", owner: UserID(1), version: 9), .edgeChanged(change),
            .edgeRefused(follower: UserID(1), author: UserID(2), version: 3),
            .backfill(author: UserID(2), generation: 3, list: list),
            .delivery(author: UserID(2), tweet: TweetID(8), replyTo: UserID(3)),
            .removal(author: UserID(2), tweet: TweetID(8)), .authorDeleted(UserID(2)),
            .replyChanged(parent: TweetID(1), reply: TweetID(2), isAdded: true),
        ]
        let letters = messages.enumerated().map { index, message in
            Letter(
                source: PartitionID(3),
                sequence: UInt64(index + 1),
                predecessor: UInt64(index),
                messages: index == 0 ? messages : [message]
            )
        }
        return [
            .createUser(CreateUser(username: try Username("Bob"), requestedID: UserID(4), displayName: "B", key: key)),
            .updateUser(UpdateUser(user: UserID(4), displayName: "x", bio: "y", username: try Username("z"), key: key)),
            .deleteUser(DeleteUser(user: UserID(4), key: nil)),
            .follow(Follow(follower: UserID(1), author: UserID(2))),
            .follow(
                Follow(
                    follower: UserID(1),
                    authors: [FollowedAuthor(UserID(2), since: 7), FollowedAuthor(UserID(3), hasPosted: false)]
                )
            ),
            .unfollow(Unfollow(follower: UserID(1), author: UserID(2))),
            .postTweet(
                PostTweet(
                    author: UserID(1),
                    text: "hello 😀",
                    replyTo: TweetID(9),
                    replyToAuthor: UserID(0),
                    quote: TweetID(8),
                    key: key
                )
            ),
            .deleteTweet(DeleteTweet(author: UserID(1), tweet: TweetID(2))),
            .restoreTweet(
                RestoreTweet(
                    tweet: TweetID(3),
                    author: UserID(1),
                    text: "from elsewhere",
                    replyTo: TweetID(2),
                    replyToAuthor: UserID(5),
                    quote: TweetID(1)
                )
            ),
            .receiveMail(letters),
            .trimOutbox([MailReceipt(partition: PartitionID(1), sequence: 5)]),
            .continueDeletion(UserID(9)),
        ]
    }

    @Test func everyCommandComesBack() throws {
        for command in try Self.commands() {
            let entry = LogEntry(time: 1, mintedID: 2, command: command)
            #expect(try LogEntry(decoding: entry.encoded()) == entry)
        }
    }

    @Test func theSmallestLettersComeBack() throws {
        let letters = [MailMessage.authorDeleted(UserID(0)), .removal(author: UserID(0), tweet: TweetID(0))].map {
            Letter(source: PartitionID(0), sequence: 1, predecessor: 0, messages: [$0])
        }
        for command in letters.map({ Command.receiveMail([$0]) }) {
            #expect(try Command(decoding: command.encoded()) == command)
        }
    }

    @Test func noBytesCrashTheDecoder() throws {
        var random = SeededGenerator(seed: 11)
        for command in try Self.commands() {
            let bytes = LogEntry(time: 1, mintedID: 2, command: command).encoded()
            for length in bytes.indices {
                #expect(throws: BinaryDecodingError.self) { try LogEntry(decoding: Array(bytes.prefix(length))) }
            }
            for _ in 0..<2_000 {
                var damaged = bytes
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    damaged[Int.random(in: damaged.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                _ = try? LogEntry(decoding: damaged)
            }
        }
    }

    @Test func dumpsComeBack() throws {
        let user = User(
            id: UserID(1),
            username: "alice",
            displayName: "Alice",
            bio: "about",
            createdAt: 5,
            followers: 1,
            following: 2,
            tweets: 3
        )
        let tweet = Tweet(
            id: TweetID(7),
            author: UserID(1),
            text: "text",
            replyTo: TweetID(6),
            quoteOf: nil,
            replies: 0
        )
        let items: [DumpItem] = [
            .user(user), .follow(follower: UserID(1), author: UserID(2), since: 3),
            .tweet(tweet, replyToAuthor: UserID(9)),
        ]
        let positions = [DumpPosition(first: 1, second: nil), DumpPosition(first: 1, second: 0)]
        for position in positions {
            let answer = Answer.dump(Page(items: items, next: position))
            #expect(try Answer(decoding: answer.encoded()) == answer)
            for kind in DumpQuery.Kind.allCases {
                let query = Query.dump(DumpQuery(kind: kind, count: 10, after: position))
                #expect(try Query(decoding: query.encoded()) == query)
            }
        }
        let known = Answer.existence(users: [KnownUser(id: UserID(1), hasPosted: true)], authors: [nil, UserID(4)])
        #expect(try Answer(decoding: known.encoded()) == known)
    }

    @Test func anEmptyFollowIsRefused() throws {
        let bytes = LogEntry(time: 1, mintedID: 0, command: .follow(Follow(follower: UserID(1), authors: []))).encoded()
        #expect(throws: BinaryDecodingError.invalid("follow of 0 authors")) { try LogEntry(decoding: bytes) }
    }

    @Test func aNewerCommandIsRefusedByName() throws {
        var bytes = Command.continueDeletion(UserID(1)).encoded()
        bytes[0] = 99
        #expect(throws: BinaryDecodingError.newerVersion(99)) { try Command(decoding: bytes) }
    }

    @Test func cursorsAreOursAndOfThisList() throws {
        let cursor = EdgeCursor(time: 5, user: UserID(6))
        let text = Cursor.text(.followers, of: UserID(1), cursor)
        let back: EdgeCursor = try Cursor.parse(text.utf8, as: .followers, of: UserID(1))
        #expect(back == cursor)
        #expect(throws: Refusal.cursor) {
            let _: EdgeCursor = try Cursor.parse(text.utf8, as: .following, of: UserID(1))
        }
        #expect(throws: Refusal.cursor) {
            let _: EdgeCursor = try Cursor.parse(text.utf8, as: .followers, of: UserID(2))
        }
        for damaged in ["", "zz", String(text.dropLast(2)), text + "00", "ff" + text.dropFirst(2), text.uppercased()] {
            #expect(throws: Refusal.cursor, "\(damaged)") {
                let _: EdgeCursor = try Cursor.parse(damaged.utf8, as: .followers, of: UserID(1))
            }
        }
    }

    @Test func placementHashesNeverChange() {
        // Part of the storage format.
        #expect(StableHash.hash(1) == 0xb456_bcfc_34c2_cb2c)
        #expect(StableHash.hash("alice".utf8) == StableHash.hash(Array("alice".utf8)))
        #expect(PartitionLayout(count: 16)?.partition(of: UserID(1)) == PartitionID(12))
        #expect(PartitionLayout(count: 12) == nil)
        #expect(PartitionLayout(count: 2_048) == nil)
    }
}
