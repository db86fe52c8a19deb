import Mail
import Model
import Partitions
import Testing

/// Which letters somebody waits for: they are sent at once, the others when more have gathered.
@Suite struct AwaitedMailTests {
    private let cluster: PartitionCluster
    private let reader: UserID
    private let author: UserID
    private let (here, there): (PartitionID, PartitionID)

    init() throws {
        cluster = try PartitionCluster(count: 2, settings: PartitionSettings())
        let layout = cluster.layout
        reader = UserID(1)
        let home = layout.partition(of: reader)
        author = try #require((2...100).map { UserID($0) }.first { layout.partition(of: $0) != home })
        (here, there) = (layout.partition(of: reader), layout.partition(of: author))
        for user in [reader, author] {
            let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
            _ = try cluster.run(.createUser(command)).get()
        }
        try cluster.deliverEverything()
    }

    /// The last letter from one partition that the other has taken.
    private func taken(from source: PartitionID, by destination: PartitionID) throws -> UInt64 {
        try cluster.partition(destination).receipt(for: source).sequence
    }

    private func follow(hasPosted: Bool) throws {
        let followed = FollowedAuthor(author, hasPosted: hasPosted)
        try cluster.apply(.follow(Follow(follower: reader, authors: [followed])), in: here)
    }

    @Test func theListBehindAFirstFollowIsAwaited() throws {
        let before = try taken(from: here, by: there)
        try follow(hasPosted: true)
        let mail = try cluster.partition(here).outgoingMail
        #expect(mail.hasLetters(for: there, after: before))
        #expect(mail.isAwaited(by: there, after: before) && mail.mayBeAwaited)
        let answered = try taken(from: there, by: here)
        try cluster.deliver(PartitionCluster.Stream(source: here, destination: there), limit: 1_000)
        let left = try cluster.partition(here).outgoingMail
        #expect(try !left.isAwaited(by: there, after: taken(from: here, by: there)))
        try cluster.trim(PartitionCluster.Stream(source: here, destination: there))
        #expect(try !cluster.partition(here).outgoingMail.mayBeAwaited)
        // So is the answer with the list.
        #expect(try cluster.partition(there).outgoingMail.isAwaited(by: here, after: answered))
    }

    @Test func nobodyWaitsForTheListOfWhoHasNeverPosted() throws {
        let before = try taken(from: here, by: there)
        try follow(hasPosted: false)
        let mail = try cluster.partition(here).outgoingMail
        #expect(mail.hasLetters(for: there, after: before))
        #expect(!mail.isAwaited(by: there, after: before) && !mail.mayBeAwaited)
    }

    @Test func nobodyWaitsForDeliveries() throws {
        try follow(hasPosted: false)
        try cluster.deliverEverything()
        let before = try taken(from: there, by: here)
        try cluster.apply(.postTweet(PostTweet(author: author, text: "to one reader")), in: there)
        let mail = try cluster.partition(there).outgoingMail
        #expect(mail.hasLetters(for: here, after: before))
        #expect(!mail.isAwaited(by: here, after: before))
    }

    @Test func aCreationIsAwaited() throws {
        // A name that belongs to the other partition.
        let names = try (0..<100).map { try Username("somebody\($0)") }
        let name = try #require(
            names.first { name in
                let command = CreateUser(username: name, requestedID: reader, displayName: nil)
                return Command.createUser(command).actor?.partition(in: cluster.layout) == there
            }
        )
        let before = try taken(from: there, by: here)
        let user = try #require((200...300).map { UserID($0) }.first { cluster.layout.partition(of: $0) == here })
        try cluster.apply(
            .createUser(CreateUser(username: name, requestedID: user, displayName: nil)),
            in: there
        )
        #expect(try cluster.partition(there).outgoingMail.isAwaited(by: here, after: before))
    }
}
