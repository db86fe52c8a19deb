import Foundation
import Logging
import Model
import NIOPosix
import Node
import Placement
import Store
import TestSupport
import Testing

@Suite struct MapMemoryTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func map(version: UInt64, cluster: UInt64 = 7, epochs: UInt64...) -> PartitionMap {
        PartitionMap(
            clusterID: cluster,
            version: version,
            configurations: epochs.map {
                PartitionMap.Configuration(epoch: $0, primary: NodeID(1), secondaries: [])
            }
        )
    }

    /// What is remembered after these, by the memory itself and by the next one.
    private static func remembered(_ maps: PartitionMap...) async throws -> [PartitionMap] {
        let path = try TemporaryDirectory()
        let directory = try DataDirectory(path: path.path + "/n")
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        let memory = MapMemory(directory: directory, threads: threads, logger: logger)
        for map in maps {
            memory.note(map)
        }
        let last = memory.map
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            let next = MapMemory(directory: directory, threads: threads, logger: logger).map
            if next == last || ContinuousClock.now > deadline {
                try await threads.shutdownGracefully()
                return [last, next]
            }
            await Task.yield()
        }
    }

    @Test func theNewestIsThereAfterARestart() async throws {
        let newest = Self.map(version: 9, epochs: 4, 4)
        let found = try await Self.remembered(
            Self.map(version: 3, epochs: 1, 1),
            newest,
            Self.map(version: 8, epochs: 9, 9)
        )
        #expect(found == [newest, newest])
    }

    @Test func configurationsAreNotReplacedByOlderOnes() async throws {
        let found = try await Self.remembered(Self.map(version: 3, epochs: 5, 1), Self.map(version: 9, epochs: 2, 2))
        let expected = Self.map(version: 9, epochs: 5, 2)
        #expect(found == [expected, expected])
    }

    @Test func whatIsOfNoOrAnotherClusterIsNotRemembered() async throws {
        let one = Self.map(version: 3, epochs: 1, 1)
        let found = try await Self.remembered(
            PartitionMap(version: 2),
            one,
            Self.map(version: 9, cluster: 8, epochs: 2, 2)
        )
        #expect(found == [one, one])
    }
}
