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

    /// Results that expire while entries are applied together, some of them of those entries.
    @Test func resultsExpireAlikeHoweverManyEntriesAreTogether() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("expiring results: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var settings = PartitionSettings()
        settings.idempotencyMicroseconds = 500
        let cluster = try PartitionCluster(count: 2, settings: settings)
        for number in 1...600 {
            let key = try IdempotencyKey(Array("key \(UInt64.random(in: 0...200, using: &random))".utf8))
            let create = CreateUser(
                username: try Username("u\(number % 40)"),
                requestedID: nil,
                displayName: nil,
                key: key
            )
            guard let home = Command.createUser(create).actor?.partition(in: cluster.layout) else { continue }
            _ = try cluster.apply(.createUser(create), in: home)
            if random.one(in: 10) { try cluster.deliverEverything() }
            if random.one(in: 5) { cluster.time += UInt64.random(in: 0...1_000, using: &random) }
        }
        let secondary = try cluster.secondary(using: &random)
        for (id, partition) in cluster.partitions {
            #expect(try secondary.partition(id).checksum == partition.checksum, "seed \(seed)")
            #expect((try secondary.truth(of: id) == cluster.truth(of: id)) == true, "seed \(seed): store of \(id)")
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
