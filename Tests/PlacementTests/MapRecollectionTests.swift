import Model
import Placement
import Testing

@Suite struct MapRecollectionTests {
    private static func memory(
        version: UInt64,
        cluster: UInt64 = 7,
        _ configurations: (epoch: UInt64, nodes: [UInt64])...,
        learners: [PartitionID: [NodeID]] = [:],
        logEpochs: [PartitionID: UInt64] = [:]
    ) -> MapRecollection.Memory {
        let map = PartitionMap(
            clusterID: cluster,
            version: version,
            replicationFactor: 3,
            configurations: configurations.map { epoch, nodes in
                let nodes = nodes.map { NodeID($0) }
                return PartitionMap.Configuration(
                    epoch: epoch,
                    primary: nodes.first,
                    secondaries: Array(nodes.dropFirst())
                )
            },
            learners: learners
        )
        return MapRecollection.Memory(map: map, logEpochs: logEpochs)
    }

    @Test func eachPartitionHasTheNewestThatAnybodyKnows() throws {
        let found = try MapRecollection([
            NodeID(1): Self.memory(version: 9, (epoch: 3, nodes: [1, 2]), (epoch: 8, nodes: [2, 1])),
            NodeID(2): Self.memory(version: 12, (epoch: 5, nodes: [2, 1]), (epoch: 7, nodes: [1, 2])),
        ])
        #expect(found.map.configurations.map(\.primary) == [NodeID(2), NodeID(2)])
        // Behind whatever the lost one may have decided.
        #expect(found.map.configurations.allSatisfy { $0.epoch > 1_000 })
        #expect(found.map.version == 12 && found.map.clusterID == 7 && found.absent.isEmpty)
    }

    @Test func whoMayKnowMoreIsNamed() throws {
        let one = Self.memory(
            version: 9,
            (epoch: 3, nodes: [1, 2, 3]),
            (epoch: 1, nodes: [1, 2, 4]),
            learners: [PartitionID(0): [NodeID(5)]]
        )
        // One that remembers nothing may have lost just that.
        let nothing = MapRecollection.Memory(map: PartitionMap())
        let found = try MapRecollection([NodeID(1): one, NodeID(2): nothing])
        #expect(found.absent == [2, 3, 4, 5].map { NodeID($0) } && found.outdated.isEmpty)
    }

    @Test func whatALogKnowsAndNobodyRemembersIsNamed() throws {
        let epochs: [PartitionID: UInt64] = [PartitionID(0): 3, PartitionID(1): 5]
        let one = Self.memory(version: 9, (epoch: 3, nodes: [1]), (epoch: 4, nodes: [1]), logEpochs: epochs)
        #expect(try MapRecollection([NodeID(1): one]).outdated == [PartitionID(1)])
    }

    @Test func whatTheCoordinatorHasAlreadyIsNoNews() throws {
        let old = Self.memory(version: 30, (epoch: 3, nodes: [1, 2]), (epoch: 9, nodes: [1, 2])).map
        let same = Self.memory(version: 9, (epoch: 3, nodes: [1, 2]), (epoch: 8, nodes: [2, 1]))
        #expect(try !MapRecollection([NodeID(1): same], present: old).isNews)
        let newer = Self.memory(version: 9, (epoch: 4, nodes: [2, 1]), (epoch: 8, nodes: [2, 1]))
        let found = try MapRecollection([NodeID(1): newer], present: old)
        #expect(found.isNews && found.map.configurations.map(\.primary) == [NodeID(2), NodeID(1)])
        // Whatever the versions say.
        #expect(found.map.version == 30)
    }

    @Test func whatDoesNotBelongTogetherIsRefused() {
        let one = Self.memory(version: 9, (epoch: 3, nodes: [1]), (epoch: 1, nodes: [1]))
        let other = Self.memory(version: 9, cluster: 8, (epoch: 3, nodes: [1]), (epoch: 1, nodes: [1]))
        #expect(throws: MapRecollection.Problem.differentClusters([7, 8])) {
            try MapRecollection([NodeID(1): one, NodeID(2): other])
        }
        let twin = Self.memory(version: 9, (epoch: 3, nodes: [2]), (epoch: 1, nodes: [1]))
        #expect(throws: MapRecollection.Problem.contradiction(PartitionID(0), epoch: 3)) {
            try MapRecollection([NodeID(1): one, NodeID(2): twin])
        }
        #expect(throws: MapRecollection.Problem.nothingRemembered) {
            try MapRecollection([NodeID(1): MapRecollection.Memory(map: PartitionMap())])
        }
    }
}
