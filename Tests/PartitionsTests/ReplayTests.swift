import Model
import Partitions
import Testing

/// What a restart applies again is written to the store in groups, which a crash may cut anywhere.
@Suite struct ReplayTests {
    private static let users = (1...8).map { UserID(UInt64($0)) }

    /// Everybody follows everybody and posts, in entries that nothing keeps from being in one group.
    private static func cluster() throws -> PartitionCluster {
        let cluster = try PartitionCluster(count: 2, settings: PartitionSettings())
        for user in users {
            let name = try Username("u\(user.rawValue)")
            _ = try cluster.run(
                .createUser(CreateUser(username: name, requestedID: user, displayName: nil, key: nil))
            )
        }
        for follower in users {
            let authors = users.filter { $0 != follower }.map { FollowedAuthor($0, hasPosted: false) }
            _ = try cluster.run(.follow(Follow(follower: follower, authors: authors)))
        }
        try cluster.deliverEverything()
        for number in 0..<2_000 {
            let author = users[number % users.count]
            _ = try cluster.run(.postTweet(PostTweet(author: author, text: "\(number)")))
            if number % 10 == 0 { try cluster.deliverEverything() }
        }
        return cluster
    }

    /// Positions in home lists are not compared: each run of a partition has its own.
    private struct State: Equatable {
        var applied: [LogIndex] = []
        var checksums: [UInt64] = []
        var truths: [[[UInt8]: [UInt8]]] = []
        var homes: [[TweetID]] = []

        init(_ cluster: PartitionCluster) throws {
            for id in cluster.layout.partitions {
                applied.append(try cluster.partition(id).appliedIndex)
                checksums.append(try cluster.partition(id).checksum)
                truths.append(try cluster.truth(of: id))
            }
            for user in users {
                let home = cluster.layout.partition(of: user)
                let query = Query.home(HomeQuery(reader: user, count: 200))
                guard case .success(.home(let page, _, _)) = try cluster.read(query, in: home) else { continue }
                homes.append(page.items)
            }
        }
    }

    @Test func groupsComeToWhatSingleEntriesDid() throws {
        let cluster = try Self.cluster()
        let before = try State(cluster)
        #expect(before.homes.map(\.count) == [Int](repeating: 200, count: Self.users.count))
        #expect(before.applied.allSatisfy { $0 > LogIndex(3 * Partition.largestGroup) })
        try cluster.crash()
        #expect(try State(cluster) == before)
    }

    @Test(arguments: [1, 255, 256, 257, 600])
    func aCrashWithinAGroupCostsNothing(count: Int) throws {
        let cluster = try Self.cluster()
        let before = try State(cluster)
        try cluster.crashTwice(replaying: count)
        #expect(try State(cluster) == before)
    }
}
