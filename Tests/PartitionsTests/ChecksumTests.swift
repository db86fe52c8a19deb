import Model
import Partitions
import Randomness
import Testing

/// The checksum of a partition's truth is of what was applied, not of how far a replica is with its own housekeeping.
@Suite struct ChecksumTests {
    @Test func replicasThatFoldAtOtherTimesHaveTheSame() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("checksums: seed \(seed)")
        var few = PartitionSettings()
        few.largestArrivals = 3
        few.tailEntries = 2
        let often = try Self.run(seed: seed, few)
        let never = try Self.run(seed: seed, PartitionSettings())
        #expect(often.statistics.authorListFolds > 0 && never.statistics.authorListFolds == 0)
        for (id, partition) in often.partitions {
            let other = try never.partition(id)
            #expect(partition.appliedIndex == other.appliedIndex)
            #expect(partition.checksum == other.checksum)
        }
    }

    private static func run(seed: UInt64, _ settings: PartitionSettings) throws -> PartitionCluster {
        var random = SeededGenerator(seed: seed)
        let cluster = try PartitionCluster(count: 2, settings: settings)
        let users = (1...8).map { UserID(UInt64($0)) }
        for user in users {
            let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
            _ = try cluster.run(.createUser(command)).get()
        }
        for step in 0..<300 {
            guard let user = users.randomElement(using: &random), let other = users.randomElement(using: &random),
                user != other
            else { continue }
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1: _ = try cluster.run(.follow(Follow(follower: user, author: other)))
            case 2: _ = try cluster.run(.unfollow(Unfollow(follower: user, author: other)))
            default: _ = try cluster.run(.postTweet(PostTweet(author: user, text: "tweet \(step)")))
            }
            try cluster.deliverEverything()
        }
        return cluster
    }
}
