import Model
import Partitions
import Testing

/// What one entry writes to several partitions is stored together, until the last of them has its part.
@Suite struct OutboxTests {
    private static let outboxKind: UInt8 = 18

    private let cluster: PartitionCluster
    private let follower = UserID(1)
    private let here: PartitionID
    /// One author in each other partition.
    private let authors: [UserID]

    init() throws {
        cluster = try PartitionCluster(count: 4, settings: PartitionSettings())
        let layout = cluster.layout
        here = layout.partition(of: follower)
        let others = layout.partitions.filter { [here] in $0 != here }
        authors = try others.map { partition in
            try #require((2...1_000).map { UserID($0) }.first { layout.partition(of: $0) == partition })
        }
        for user in [follower] + authors {
            let command = CreateUser(username: try Username("u\(user)"), requestedID: user, displayName: nil)
            _ = try cluster.run(.createUser(command)).get()
        }
        try cluster.deliverEverything()
    }

    private func records() throws -> Int {
        try cluster.truth(of: here).keys.count { $0[2] == OutboxTests.outboxKind }
    }

    private func waiting() throws -> [Int] {
        try authors.map { author in
            let destination = cluster.layout.partition(of: author)
            return try cluster.waiting(in: PartitionCluster.Stream(source: here, destination: destination)).count
        }
    }

    @Test func lettersOfOneEntryAreOneRecordUntilAllAreTaken() throws {
        let before = try records()
        let follows = authors.map { FollowedAuthor($0, hasPosted: false) }
        try cluster.apply(.follow(Follow(follower: follower, authors: follows)), in: here)
        #expect(try records() == before + 1)
        #expect(try waiting() == [1, 1, 1])
        let first = PartitionCluster.Stream(source: here, destination: cluster.layout.partition(of: authors[0]))
        try cluster.deliver(first, limit: .max)
        try cluster.trim(first)
        #expect(try records() == before + 1)
        // All of it is in the store, and what one destination has is not sent again.
        try cluster.crashTwice(replaying: .max)
        #expect(try waiting() == [0, 1, 1])
        try cluster.deliverEverything()
        #expect(try waiting() == [0, 0, 0])
        #expect(try records() == before)
        for author in authors {
            let query = Query.followers(author, count: 10, after: nil)
            let page = try cluster.read(query, in: cluster.layout.partition(of: author)).get()
            guard case .edges(let edges) = page else { throw PartitionFailure.broken("\(page)") }
            #expect(edges.items == [follower])
        }
    }
}
