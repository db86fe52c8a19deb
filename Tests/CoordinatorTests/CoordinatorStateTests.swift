import Coordinator
import MapStorage
import Messages
import Model
import Placement
import Store
import TestSupport
import Testing

@Suite struct CoordinatorStateTests {
    private static func member(_ id: UInt64, _ name: String, port: Int = 1) -> Member {
        Member(id: NodeID(id), name: name, host: "127.0.0.1", port: port, beaconPort: 2)
    }

    private static func state(nodes: Int) -> CoordinatorState {
        var state = CoordinatorState(map: PartitionMap())
        for id in 1...UInt64(nodes) {
            _ = state.handle(.beat(member(id, "node\(id)"), .well), now: 0, random: 1)
        }
        return state
    }

    @Test func initializationWaitsForNodesAndIsFixed() {
        var state = Self.state(nodes: 2)
        let request = CoordinatorRequest.initialize(partitions: 16, replicationFactor: 1, nodes: 3)
        check(
            state.handle(request, now: 0, random: 9)
                == [.answer(.refused(.unavailable("2 of 3 nodes have registered")))]
        )
        _ = state.handle(.beat(Self.member(3, "node3"), .well), now: 0, random: 1)
        let effects = state.handle(request, now: 0, random: 9)
        #expect(effects == [.store(state.map), .answer(.map(state.map))])
        #expect(state.map.clusterID == 9 && state.map.layout?.count == 16)
        #expect(Set(state.map.configurations.compactMap(\.primary)).count == 3)
        // The same again is no change; anything else is refused.
        check(state.handle(request, now: 0, random: 10) == [.answer(.map(state.map))])
        for other in [
            CoordinatorRequest.initialize(partitions: 32, replicationFactor: 1, nodes: 3),
            .initialize(partitions: 15, replicationFactor: 1, nodes: 3),
        ] {
            guard case .answer(.refused) = state.handle(other, now: 0, random: 1).first else {
                Issue.record("\(other) was taken")
                return
            }
        }
    }

    @Test(arguments: 1...20) func aNewClustersNodesLeadAsManyPartitionsEach(_ firstNode: UInt64) {
        var state = CoordinatorState(map: PartitionMap())
        for number in 0..<UInt64(5) {
            let member = Self.member(firstNode * 1_000 + number * 37, "node\(number)")
            _ = state.handle(.beat(member, .well), now: 0, random: 1)
        }
        _ = state.handle(.initialize(partitions: 64, replicationFactor: 3, nodes: 5), now: 0, random: 9)
        let leads = Dictionary(grouping: state.map.configurations.compactMap(\.primary)) { $0 }.values.map(\.count)
        #expect(leads.sorted() == [12, 13, 13, 13, 13])
        #expect(state.map.configurations.allSatisfy { Set($0.replicas).count == 3 && $0.epoch == 1 })
    }

    @Test func aNodeThatMovedChangesTheMapAndOneThatBeatsDoesNot() {
        var state = Self.state(nodes: 1)
        let version = state.map.version
        let same = state.handle(.beat(Self.member(1, "node1"), .well), now: 5, random: 1)
        #expect(same == [.answer(.beaten(mapVersion: version))])
        let moved = state.handle(.beat(Self.member(1, "node1", port: 2), .well), now: 5, random: 1)
        #expect(moved.first == .store(state.map))
        #expect(state.map.version == version + 1)
        check(state.handle(.map(newerThan: version), now: 5, random: 1) == [.answer(.map(state.map))])
        check(state.handle(.map(newerThan: version + 1), now: 5, random: 1) == [.answerWhenNewer(version + 1)])
    }

    @Test func aStrangerOfTheSameNameTakesNothingOver() {
        var state = Self.state(nodes: 1)
        _ = state.handle(.initialize(partitions: 4, replicationFactor: 1, nodes: 1), now: 0, random: 1)
        _ = state.handle(.beat(Self.member(77, "node1"), .well), now: 0, random: 1)
        #expect(state.map.configurations.allSatisfy { $0.primary == NodeID(1) })
        #expect(state.map.members.map(\.id) == [NodeID(1), NodeID(77)])
    }

    @Test func silenceIsReported() {
        var state = Self.state(nodes: 1)
        check(
            state.handle(.health, now: 4_000, random: 1)
                == [.answer(.health([NodeStatus(node: NodeID(1), silentMilliseconds: 4_000, health: .well)]))]
        )
    }

    @Test func theMapSurvivesARestartAndDamageIsRefused() throws {
        let path = try TemporaryDirectory()
        let state = Self.state(nodes: 3)
        let directory = try DataDirectory(path: path.path + "/c")
        let store = MapStore(directory: directory)
        #expect(try store.load() == PartitionMap())
        try store.save(state.map)
        #expect(try store.load() == state.map)
        guard var bytes = try directory.file("map") else {
            Issue.record("no file")
            return
        }
        bytes[bytes.count / 2] ^= 1
        try directory.replaceFile("map", with: bytes)
        #expect(throws: StoreError.self) { try store.load() }
    }
}

/// `#expect` for expressions that change what they look at, which the macro cannot capture.
private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
