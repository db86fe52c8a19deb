import Model
import Placement
import Randomness
import Testing

@Suite struct PlacementTests {
    private static func members(_ count: Int, seed: UInt64, zones: Int = 0) -> [Member] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { index in
            Member(
                id: NodeID(random.next()),
                name: "node\(index + 1)",
                host: "127.0.0.1",
                port: 7_500,
                beaconPort: 7_501,
                zone: zones > 0 ? "zone\(index % zones)" : ""
            )
        }
    }

    private static func loads(_ target: [[NodeID]]) -> [NodeID: Int] {
        target.joined().reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    @Test(arguments: [(16, 3), (64, 3), (64, 7), (256, 10), (1_024, 30)])
    func addingANodeMovesLittleAndNothingBetweenOldNodes(partitions: Int, nodes: Int) {
        for seed in 0..<8 as Range<UInt64> {
            let all = Self.members(nodes + 1, seed: seed)
            let old = Array(all.dropLast())
            let before = Placement(partitionCount: partitions, replicas: 1, members: old).target(from: [])
            let after = Placement(partitionCount: partitions, replicas: 1, members: all).target(from: before)
            let moved = zip(before, after).filter { $0 != $1 }
            let bound = 1.25 * Double(partitions) / Double(nodes + 1) + 1
            #expect(Double(moved.count) <= bound, "seed \(seed): \(moved.count) moved")
            #expect(moved.allSatisfy { $0.1 == [all[nodes].id] }, "seed \(seed): a replica moved between old nodes")
            #expect(moved.count >= partitions / (nodes + 1))
        }
    }

    @Test func aNodesShareIsWhatItHasOrWouldHave() {
        let all = Self.members(4, seed: 1)
        func map(
            _ configurations: [PartitionMap.Configuration],
            learners: [PartitionID: [NodeID]] = [:]
        ) -> PartitionMap {
            PartitionMap(replicationFactor: 3, members: all, configurations: configurations, learners: learners)
        }
        let elsewhere = PartitionMap.Configuration(epoch: 5, primary: all[1].id, secondaries: [all[2].id, all[3].id])
        let here = PartitionMap.Configuration(epoch: 5, primary: all[0].id, secondaries: [all[2].id, all[3].id])
        // Of eight partitions with three copies on four nodes each has six, the one that is back and has none yet too.
        let eight = [PartitionMap.Configuration](repeating: elsewhere, count: 8)
        #expect(map(eight).largestShare(of: all[0].id) == 6)
        #expect(map(eight).largestShare(of: all[1].id) == 8)
        #expect(map([here, here, elsewhere], learners: [PartitionID(2): [all[0].id]]).largestShare(of: all[0].id) == 3)
        #expect(PartitionMap().largestShare(of: all[0].id) == 0)
    }

    @Test func whoLeadsWhatAnotherLeadsLaterIsDeposed() {
        func map(_ primaries: [UInt64?]) -> PartitionMap {
            let configurations = primaries.map {
                PartitionMap.Configuration(epoch: 1, primary: $0.map { NodeID($0) }, secondaries: [])
            }
            return PartitionMap(clusterID: 1, version: 1, configurations: configurations)
        }
        #expect(map([1, 2, 3]).deposed(by: map([1, 3, nil])) == [NodeID(2), NodeID(3)])
        #expect(map([1, nil]).deposed(by: map([1, 2])).isEmpty)
        #expect(map([]).deposed(by: map([1])).isEmpty)
    }

    @Test(arguments: [(64, 3), (1_024, 100)])
    func loadIsNearTheMean(partitions: Int, nodes: Int) {
        for seed in 0..<3 as Range<UInt64> {
            let members = Self.members(nodes, seed: seed)
            let target = Placement(partitionCount: partitions, replicas: 1, members: members).target(from: [])
            let loads = Self.loads(target)
            let mean = Double(partitions) / Double(nodes)
            #expect(loads.count == nodes)
            #expect(loads.values.allSatisfy { Double($0) <= 1.25 * mean }, "seed \(seed)")
        }
    }

    @Test func zonesAreRespected() {
        for seed in 0..<10 as Range<UInt64> {
            let members = Self.members(9, seed: seed, zones: 3)
            let target = Placement(partitionCount: 128, replicas: 3, members: members).target(from: [])
            for nodes in target {
                let zones = Set(nodes.compactMap { node in members.first { $0.id == node }?.zone })
                #expect(zones.count == 3, "seed \(seed)")
            }
            let loads = Self.loads(target)
            #expect(loads.values.allSatisfy { Double($0) <= 1.25 * Double(128 * 3) / 9 }, "seed \(seed)")
        }
    }

    @Test func withFewerZonesThanReplicasEveryReplicaHasANode() {
        let members = Self.members(4, seed: 3, zones: 2)
        let target = Placement(partitionCount: 32, replicas: 3, members: members).target(from: [])
        #expect(target.allSatisfy { Set($0).count == 3 })
    }

    @Test func weightsShareTheLoad() {
        var members = Self.members(3, seed: 1)
        members[0] = Member(id: members[0].id, name: "node1", host: "127.0.0.1", port: 1, beaconPort: 2, weight: 200)
        let loads = Self.loads(Placement(partitionCount: 256, replicas: 1, members: members).target(from: []))
        #expect((120...136).contains(loads[members[0].id] ?? 0))
    }

    @Test func aLostNodesReplicasAloneMove() {
        for seed in 0..<5 as Range<UInt64> {
            let members = Self.members(5, seed: seed)
            let before = Placement(partitionCount: 128, replicas: 2, members: members).target(from: [])
            let lost = members[2].id
            let left = members.filter { $0.id != lost }
            let after = Placement(partitionCount: 128, replicas: 2, members: left).target(from: before)
            var others = 0
            for (old, new) in zip(before, after) {
                #expect(Set(new).count == 2)
                others += Set(old).subtracting([lost]).subtracting(new).count
            }
            // Two replicas of a partition cannot share a node, which may take a few moves to balance.
            #expect(others <= 4, "seed \(seed): \(others) replicas of other nodes moved")
        }
    }

    @Test func theResultDoesNotDependOnTheOrderOfMembers() {
        let members = Self.members(6, seed: 9)
        let one = Placement(partitionCount: 64, replicas: 2, members: members).target(from: [])
        let other = Placement(partitionCount: 64, replicas: 2, members: members.reversed()).target(from: [])
        #expect(one == other)
    }

    @Test func mapsComeBackAndDamagedOnesAreRefused() throws {
        let members = Self.members(3, seed: 2)
        let map = PartitionMap(
            clusterID: 5,
            version: 6,
            replicationFactor: 1,
            members: members,
            configurations: (0..<16).map {
                PartitionMap.Configuration(epoch: 1, primary: members[$0 % 3].id, secondaries: [])
            }
        )
        #expect(try PartitionMap(decoding: map.encoded()) == map)
        let bytes = map.encoded()
        for length in bytes.indices {
            #expect(throws: BinaryDecodingError.self) { try PartitionMap(decoding: Array(bytes.prefix(length))) }
        }
    }
}
