public import Model

/// The map of a cluster whose coordinator has lost it, put together from what the nodes remember.
public struct MapRecollection: Hashable, Sendable {
    public enum Problem: Error, Hashable, Sendable {
        /// No node belongs to a cluster.
        case nothingRemembered
        /// Nodes of different clusters: they must not be mixed.
        case differentClusters([UInt64])
        /// The same epoch of a partition has two configurations, which the coordinator never decides.
        case contradiction(PartitionID, epoch: UInt64)
    }

    /// How many epochs are passed over: what the lost coordinator decided and nobody here has learnt of must not be
    /// taken for what is decided next.
    private static let epochsPassedOver: UInt64 = 1_000

    public let map: PartitionMap
    /// Members and learners that have not said what they remember. Where one of them knows of a newer configuration, the others may
    /// lack what was acknowledged since.
    public let absent: [NodeID]

    /// - Parameter memories: by node, the newest map that it knows; an empty one where it knows none.
    public init(_ memories: [NodeID: PartitionMap]) throws(Problem) {
        let known = memories.values.filter { $0.layout != nil }
        guard let first = known.first else { throw .nothingRemembered }
        let clusters = Set(known.map(\.clusterID))
        guard clusters.count == 1, known.allSatisfy({ $0.layout == first.layout }) else {
            throw .differentClusters(clusters.sorted())
        }
        var map = first
        for other in known {
            try MapRecollection.compare(map, other)
            map = map.joined(with: other)
        }
        let named = Set(map.configurations.flatMap(\.replicas) + map.learners.values.flatMap { $0 })
        absent = named.filter { memories[$0] == nil }.sorted()
        map.configurations = map.configurations.map { newest in
            PartitionMap.Configuration(
                epoch: newest.epoch + MapRecollection.epochsPassedOver,
                primary: newest.primary,
                secondaries: newest.secondaries
            )
        }
        // The coordinator names others where they are needed.
        map.learners = [:]
        self.map = map
    }

    private static func compare(_ one: PartitionMap, _ other: PartitionMap) throws(Problem) {
        for (index, pair) in zip(one.configurations, other.configurations).enumerated()
        where pair.0.epoch == pair.1.epoch && pair.0 != pair.1 {
            throw .contradiction(PartitionID(UInt16(index)), epoch: pair.0.epoch)
        }
    }
}
