package import Model
package import Placement
package import Store

/// Who a node is, and which cluster its data belongs to: two small files in its data directory.
package struct NodeIdentity: Sendable {
    /// What the data belongs to, once the node has had a map.
    package struct Cluster: Equatable, Sendable {
        package let id: UInt64
        package let layout: PartitionLayout
        /// With more than one, what this node loses others have.
        package let replicationFactor: Int
    }

    /// Gives up who the node was, because it no longer holds all that it has acknowledged: it is a stranger from now on, and
    /// what it still has is a beginning.
    package func renounced() throws(StoreError) -> NodeIdentity {
        try directory.replaceFile(NodeIdentity.nodeFile, with: Array("\(NodeID.random())\n".utf8))
        // Whoever has said nothing has nothing to lose.
        try LostEntries(directory: directory).replace(with: [])
        return try NodeIdentity(directory: directory)
    }

    private static let nodeFile = "NODE"
    private static let clusterFile = "CLUSTER"

    package let node: NodeID
    private let directory: DataDirectory

    /// Reads the identity, or makes one for a new directory.
    package init(directory: DataDirectory) throws(StoreError) {
        self.directory = directory
        if let stored = try directory.file(NodeIdentity.nodeFile) {
            let text = String(decoding: stored.prefix { $0 != 10 }, as: UTF8.self)
            guard let value = UInt64(text, radix: 16) else {
                throw .notADataDirectory("\(directory.path)/NODE holds no node id")
            }
            node = NodeID(value)
        } else {
            node = NodeID.random()
            try directory.replaceFile(NodeIdentity.nodeFile, with: Array("\(node)\n".utf8))
        }
    }

    /// The cluster that the data belongs to; nil before the first map.
    package func cluster() throws(StoreError) -> Cluster? {
        guard let stored = try directory.file(NodeIdentity.clusterFile) else { return nil }
        let words = String(decoding: stored, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 3, let id = UInt64(words[0]), let count = Int(words[1]),
            let layout = PartitionLayout(count: count), let factor = Int(words[2])
        else {
            throw .notADataDirectory(
                "\(directory.path)/CLUSTER holds no cluster id, partition count and replication factor"
            )
        }
        return Cluster(id: id, layout: layout, replicationFactor: factor)
    }

    /// Binds the data to the cluster of the first map.
    ///
    /// - Returns: whether the data belongs to this cluster.
    package func join(_ map: PartitionMap) throws(StoreError) -> Bool {
        guard let layout = map.layout else { return false }
        let cluster = Cluster(id: map.clusterID, layout: layout, replicationFactor: map.replicationFactor)
        if let known = try self.cluster() { return known == cluster }
        let words = "\(cluster.id) \(layout.count) \(cluster.replicationFactor)\n"
        try directory.replaceFile(NodeIdentity.clusterFile, with: Array(words.utf8))
        return true
    }
}

extension NodeID {
    fileprivate static func random() -> NodeID { NodeID(UInt64.random(in: 1...UInt64.max)) }
}
