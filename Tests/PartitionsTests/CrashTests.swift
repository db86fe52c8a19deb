import Partitions
import Randomness
import TestSupport
import Testing

/// Two partitions over a log on a file system that forgets, crashed at every write and sync: what was acknowledged
/// is there, mail is neither lost nor taken twice.
@Suite struct CrashTests {
    private static func settings() -> PartitionSettings {
        var settings = PartitionSettings()
        settings.listCap = 16
        settings.tailEntries = 4
        settings.largestArrivals = 6
        settings.deletionSlice = 5
        return settings
    }

    /// - Returns: what is wrong after a crash at `point`.
    private static func damage(afterCrashAt point: Int, seed: UInt64, isLying: Bool = false) throws -> String? {
        let files = ForgettingFileSystem(crashAt: point, isLying: isLying)
        guard let cluster = try? PartitionCluster(count: 2, settings: settings(), files: files) else { return nil }
        var scenario = CrashScenario(cluster: cluster, seed: seed)
        let isComplete = scenario.run()
        var random = SeededGenerator(seed: seed &+ UInt64(point))
        do {
            try cluster.crash(leaving: files.afterCrash(using: &random))
            try cluster.deliverEverything()
        } catch {
            return "\(error)"
        }
        guard let damage = try CrashScenario.difference(of: cluster, from: scenario.acknowledged) else { return nil }
        guard !isComplete else { return damage }
        return try CrashScenario.difference(of: cluster, from: scenario.inDoubt).map { "\(damage), or \($0)" }
    }

    private static func operations(seed: UInt64) throws -> Int {
        let files = ForgettingFileSystem()
        var scenario = CrashScenario(
            cluster: try PartitionCluster(count: 2, settings: settings(), files: files),
            seed: seed
        )
        let isComplete = scenario.run()
        #expect(isComplete)
        return files.operations
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func nothingAcknowledgedIsLostAtAnyCrashPoint(seed: UInt64) throws {
        let operations = try Self.operations(seed: seed)
        for point in 1...operations + 1 {
            let damage = try Self.damage(afterCrashAt: point, seed: seed)
            #expect(damage == nil, "seed \(seed), crash at operation \(point)")
        }
        print("seed \(seed): crashed at each of \(operations) writes and syncs")
    }

    @Test func withoutSyncsAcknowledgedWritesAreLost() throws {
        let operations = try Self.operations(seed: 1)
        var losses = 0
        for point in stride(from: 20, through: operations, by: 5) where losses == 0 {
            if try Self.damage(afterCrashAt: point, seed: 1, isLying: true) != nil { losses += 1 }
        }
        #expect(losses > 0, "removing the sync must make the test above fail")
    }
}
