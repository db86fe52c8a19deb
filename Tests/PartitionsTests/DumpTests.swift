import Model
import Partitions
import TestSupport
import Testing

/// Dumps of partitions, and what is restored from them.
@Suite struct DumpTests {
    private static let users = (0..<12).map { UserID(UInt64($0)) }

    private func makeCluster() throws -> PartitionCluster {
        let cluster = try PartitionCluster(count: 2, settings: PartitionSettings())
        for user in Self.users {
            let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
            _ = try cluster.run(.createUser(command)).get()
        }
        return cluster
    }

    /// All pages of `count` records each, of all partitions.
    private func dump(_ kind: DumpQuery.Kind, _ cluster: PartitionCluster, count: Int) throws -> [DumpItem] {
        var items: [DumpItem] = []
        for partition in cluster.layout.partitions {
            var after: DumpPosition?
            repeat {
                let query = Query.dump(DumpQuery(kind: kind, count: count, after: after))
                guard case .success(.dump(let page)) = try cluster.read(query, in: partition) else {
                    Issue.record("no page")
                    return items
                }
                items += page.items
                after = page.next
            } while after != nil
        }
        return items
    }

    @Test func pagesOfAnySizeHoldTheSame() throws {
        let cluster = try makeCluster()
        for user in Self.users where user != UserID(5) {
            for other in Self.users where other != user {
                _ = try cluster.run(.follow(Follow(follower: user, author: other))).get()
            }
            _ = try cluster.run(.postTweet(PostTweet(author: user, text: "by \(user)"))).get()
        }
        try cluster.deliverEverything()
        for (kind, expected) in [(DumpQuery.Kind.users, 12), (.follows, 11 * 11), (.tweets, 11)] {
            let whole = try dump(kind, cluster, count: 1_000)
            #expect(whole.count == expected)
            for count in 1...5 {
                #expect(try dump(kind, cluster, count: count) == whole, "pages of \(count) \(kind)")
            }
        }
    }

    @Test func whoIsBeingDeletedIsNotInIt() throws {
        let cluster = try makeCluster()
        let (first, second) = (UserID(1), UserID(2))
        _ = try cluster.run(.follow(Follow(follower: first, author: second))).get()
        _ = try cluster.run(.follow(Follow(follower: second, author: first))).get()
        _ = try cluster.run(.follow(Follow(follower: UserID(3), author: UserID(4)))).get()
        // Elsewhere they go with the mail.
        let home = cluster.layout.partition(of: first)
        let neighbours = (1...10).map { UserID($0) }.filter { $0 != first && cluster.layout.partition(of: $0) == home }
        #expect(!neighbours.isEmpty)
        for neighbour in neighbours {
            _ = try cluster.run(.follow(Follow(follower: neighbour, author: first))).get()
        }
        // Nothing is delivered: the edges are all there.
        _ = try cluster.apply(.deleteUser(DeleteUser(user: first)), in: cluster.layout.partition(of: first))
        let follows = try dump(.follows, cluster, count: 1_000)
        let ofFirst = follows.filter {
            guard case .follow(let follower, let author, _) = $0 else { return false }
            return follower == first || author == first && cluster.layout.partition(of: follower) == home
        }
        #expect(ofFirst.isEmpty)
        #expect(try dump(.users, cluster, count: 1_000).count == 11)
    }

    /// A copy's clock may be behind the original's: what it mints must not be what it has restored.
    @Test(arguments: [false, true])
    func restoredIDsAreNotMintedAgain(isRestarted: Bool) throws {
        let cluster = try makeCluster()
        let author = UserID(1)
        let partition = cluster.layout.partition(of: author)
        let ahead = TweetID(Snowflake.next(after: 0, at: cluster.time / 1_000 + 30_000, partition: partition))
        let restored = RestoreTweet(
            tweet: ahead,
            author: author,
            text: "of another cluster",
            replyTo: nil,
            replyToAuthor: nil,
            quote: nil
        )
        #expect(try cluster.run(.restoreTweet(restored)).get() == .integer(1))
        if isRestarted { try cluster.crash() }
        var last = ahead
        for step in [0, 29_999_000, 1_000, 1_000] {
            cluster.time += Microseconds(step)
            guard case .success(.tweetID(let id)) = try cluster.run(.postTweet(PostTweet(author: author, text: "new")))
            else {
                Issue.record("not posted")
                return
            }
            #expect(id > last)
            last = id
        }
        guard case .success(.tweets(let tweets)) = try cluster.read(.tweets([ahead]), in: partition) else {
            Issue.record("no answer")
            return
        }
        #expect(tweets.first??.text == "of another cluster")
    }

    @Test func repliesThatCameBeforeTheirParentAreCounted() throws {
        let cluster = try makeCluster()
        let (author, other) = (UserID(1), UserID(2))
        let partition = cluster.layout.partition(of: author)
        let parent = TweetID(Snowflake.next(after: 0, at: cluster.time / 1_000, partition: partition))
        for number in 0..<3 {
            let time = cluster.time / 1_000 + UInt64(number)
            let reply = Snowflake.next(after: 0, at: time, partition: cluster.layout.partition(of: other))
            let restored = RestoreTweet(
                tweet: TweetID(reply),
                author: other,
                text: "reply",
                replyTo: parent,
                replyToAuthor: author,
                quote: nil
            )
            _ = try cluster.run(.restoreTweet(restored)).get()
        }
        try cluster.deliverEverything()
        let restored = RestoreTweet(
            tweet: parent,
            author: author,
            text: "parent",
            replyTo: nil,
            replyToAuthor: nil,
            quote: nil
        )
        _ = try cluster.run(.restoreTweet(restored)).get()
        guard case .success(.tweets(let tweets)) = try cluster.read(.tweets([parent]), in: partition) else {
            Issue.record("no answer")
            return
        }
        #expect(tweets.first??.replies == 3)
    }
}
