public import Model

/// Where everything is: what the coordinator decides and everybody else follows.
public struct PartitionMap: Hashable, Sendable {
    /// Who serves one partition.
    public struct Configuration: Hashable, Sendable {
        /// Grows with every change.
        public let epoch: UInt64
        public let primary: NodeID?
        public let secondaries: [NodeID]

        public init(epoch: UInt64, primary: NodeID?, secondaries: [NodeID]) {
            self.epoch = epoch
            self.primary = primary
            self.secondaries = secondaries
        }

        /// The primary, where there is one, and the secondaries.
        public var replicas: [NodeID] { (primary.map { [$0] } ?? []) + secondaries }

        /// Whether the partition has as many copies as it should elsewhere. What there is of one with a single replica may be the only
        /// copy, whatever the map says.
        public func isComplete(without node: NodeID, factor: Int) -> Bool {
            factor > 1 && replicas.count >= factor && !replicas.contains(node)
        }

        /// The next configuration, with these replicas, the first being the primary.
        public func next(_ replicas: [NodeID]) -> Configuration {
            Configuration(epoch: epoch + 1, primary: replicas.first, secondaries: Array(replicas.dropFirst()))
        }
    }

    /// Chosen when the cluster is initialized; 0 before.
    public var clusterID: UInt64
    /// Grows with every change of anything here.
    public var version: UInt64
    public var replicationFactor: Int
    public var members: [Member]
    /// By partition; empty until the cluster is initialized.
    public var configurations: [Configuration]
    /// The nodes that are to become replicas of a partition, once they hold what the replicas hold.
    public var learners: [PartitionID: [NodeID]]

    public init(
        clusterID: UInt64 = 0,
        version: UInt64 = 0,
        replicationFactor: Int = 1,
        members: [Member] = [],
        configurations: [Configuration] = [],
        learners: [PartitionID: [NodeID]] = [:]
    ) {
        self.clusterID = clusterID
        self.version = version
        self.replicationFactor = replicationFactor
        self.members = members
        self.configurations = configurations
        self.learners = learners
    }

    /// Nil until the cluster is initialized.
    public var layout: PartitionLayout? { PartitionLayout(count: configurations.count) }

    /// Nil where there is no such partition.
    public func configuration(of partition: PartitionID) -> Configuration? {
        let index = Int(partition.rawValue)
        return index < configurations.count ? configurations[index] : nil
    }

    public func primary(of partition: PartitionID) -> NodeID? { configuration(of: partition)?.primary }

    public func member(_ id: NodeID) -> Member? { members.first { $0.id == id } }

    /// What is known by this map or another one of the same cluster: each partition's newest configuration, and the rest of the
    /// newer map.
    public func joined(with other: PartitionMap) -> PartitionMap {
        var joined = version >= other.version ? self : other
        for (index, pair) in zip(configurations, other.configurations).enumerated() {
            joined.configurations[index] = pair.0.epoch >= pair.1.epoch ? pair.0 : pair.1
        }
        return joined
    }

    /// The nodes that lead partitions here which another leads in a newer map of the same cluster.
    public func deposed(by newer: PartitionMap) -> Set<NodeID> {
        Set(zip(configurations, newer.configurations).compactMap { $0.primary == $1.primary ? nil : $0.primary })
    }

    /// Whether some partition has a later epoch here than in another map of the same cluster.
    public func hasLaterEpoch(than other: PartitionMap) -> Bool {
        zip(configurations, other.configurations).contains { $0.0.epoch > $0.1.epoch }
    }

    /// How many partitions share a node's memory: those that the map gives it, or that it would have if all nodes had as many. One that
    /// comes back opens what it has before the map names it again.
    public func largestShare(of node: NodeID) -> Int {
        let copies = configurations.count * replicationFactor
        let nodes = max(1, members.count)
        let given = configurations.enumerated().count { index, configuration in
            configuration.replicas.contains(node) || learners[PartitionID(UInt16(index))]?.contains(node) == true
        }
        return max(given, min(configurations.count, (copies + nodes - 1) / nodes))
    }

    /// The partitions whose primary a node is.
    public func partitions(of node: NodeID) -> [PartitionID] {
        configurations.indices.filter { configurations[$0].primary == node }.map { PartitionID(UInt16($0)) }
    }
}

extension PartitionMap: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeFixed(clusterID)
        writer.writeVariable(version)
        writer.writeCount(replicationFactor)
        writer.writeArray(members) { $0.write($1) }
        writer.writeArray(configurations) { $0.write($1) }
        writer.writeArray(learners.sorted { $0.key < $1.key }) { writer, learners in
            writer.write(learners.key)
            writer.writeArray(learners.value) { $0.writeFixed($1.rawValue) }
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            clusterID: try reader.readFixed(),
            version: try reader.readOrdinal(),
            replicationFactor: try reader.readReplicationFactor(),
            members: try reader.readArray(elementSize: 12) { reader throws(BinaryDecodingError) in try reader.read() },
            configurations: try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in
                try reader.read()
            },
            learners: try PartitionMap.readLearners(&reader)
        )
        guard configurations.isEmpty || layout != nil else {
            throw .invalid("partition count \(configurations.count)")
        }
    }
}

extension PartitionMap {
    private static func readLearners(
        _ reader: inout BinaryReader
    ) throws(BinaryDecodingError) -> [PartitionID: [NodeID]] {
        var learners: [PartitionID: [NodeID]] = [:]
        let read = try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in
            (partition: try reader.readPartition(), nodes: try reader.readNodes())
        }
        for (partition, nodes) in read {
            learners[partition] = nodes
        }
        return learners
    }
}

extension PartitionMap.Configuration: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(epoch)
        writer.writeOptional(primary) { $0.writeFixed($1.rawValue) }
        writer.writeArray(secondaries) { $0.writeFixed($1.rawValue) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            epoch: try reader.readOrdinal(),
            primary: try reader.readOptional { reader throws(BinaryDecodingError) in NodeID(try reader.readFixed()) },
            secondaries: try reader.readNodes()
        )
    }
}

extension BinaryReader {
    fileprivate mutating func readReplicationFactor() throws(BinaryDecodingError) -> Int {
        let factor = try readVariable()
        guard factor <= 64 else { throw .invalid("replication factor \(factor)") }
        return Int(factor)
    }

    fileprivate mutating func readNodes() throws(BinaryDecodingError) -> [NodeID] {
        try readArray(elementSize: 8) { reader throws(BinaryDecodingError) in NodeID(try reader.readFixed()) }
    }
}
