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

    /// What one node remembers.
    public struct Memory: Hashable, Sendable {
        /// An empty one where it remembers none.
        public let map: PartitionMap
        /// By partition, the epoch of the last entry in the node's log: there was such an epoch, whoever led in it.
        public let logEpochs: [PartitionID: UInt64]

        public init(map: PartitionMap, logEpochs: [PartitionID: UInt64] = [:]) {
            self.map = map
            self.logEpochs = logEpochs
        }
    }

    /// How many epochs are passed over: what the lost coordinator decided and nobody here has learnt of must not be
    /// taken for what is decided next.
    private static let epochsPassedOver: UInt64 = 1_000

    public let map: PartitionMap
    /// Members and learners that have not said what they remember, or remember nothing. Where one of them knows of a newer configuration, the others may
    /// lack what was acknowledged since.
    public let absent: [NodeID]

    /// Partitions of which some log has entries of a later epoch than anybody remembers: who led in it is not known.
    public let outdated: [PartitionID]

    /// Whether anybody remembers more than the coordinator has.
    public let isNews: Bool

    /// - Parameter present: the coordinator's map; an empty one where it has lost it.
    public init(_ memories: [NodeID: Memory], present: PartitionMap = PartitionMap()) throws(Problem) {
        let known = (memories.values.map(\.map) + [present]).filter { $0.layout != nil }
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
        isNews = present.layout == nil || map.hasLaterEpoch(than: present)
        absent = named.filter { memories[$0]?.map.layout == nil }.sorted()
        let newest = map
        outdated = memories.values.flatMap(\.logEpochs).filter { partition, epoch in
            newest.configuration(of: partition).map { $0.epoch < epoch } ?? false
        }.map(\.key).reduce(into: Set()) { $0.insert($1) }.sorted()
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

extension MapRecollection.Memory: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(map)
        writer.writeArray(logEpochs.sorted { $0.key < $1.key }) { writer, one in
            writer.write(one.key)
            writer.writeVariable(one.value)
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let map: PartitionMap = try reader.read()
        let epochs = try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in
            (try reader.readPartition(), try reader.readOrdinal())
        }
        self.init(map: map, logEpochs: Dictionary(epochs, uniquingKeysWith: max))
    }
}
