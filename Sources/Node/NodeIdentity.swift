package import Model
package import Placement
package import Store

/// Who a node is, and which cluster its data belongs to: two small files in its data directory.
package struct NodeIdentity: Sendable {
    /// What the data belongs to, once the node has had a map.
    package struct Cluster: Equatable, Sendable {
        package let id: UInt64
        package let layout: PartitionLayout
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
            node = NodeID(UInt64.random(in: 1...UInt64.max))
            try directory.replaceFile(NodeIdentity.nodeFile, with: Array("\(node)\n".utf8))
        }
    }

    /// The cluster that the data belongs to; nil before the first map.
    package func cluster() throws(StoreError) -> Cluster? {
        guard let stored = try directory.file(NodeIdentity.clusterFile) else { return nil }
        let words = String(decoding: stored, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2, let id = UInt64(words[0]), let count = Int(words[1]),
            let layout = PartitionLayout(count: count)
        else { throw .notADataDirectory("\(directory.path)/CLUSTER holds no cluster id and partition count") }
        return Cluster(id: id, layout: layout)
    }

    /// Binds the data to the cluster of the first map.
    ///
    /// - Returns: whether the data belongs to this cluster.
    package func join(_ map: PartitionMap) throws(StoreError) -> Bool {
        guard let layout = map.layout else { return false }
        if let known = try cluster() { return known == Cluster(id: map.clusterID, layout: layout) }
        try directory.replaceFile(NodeIdentity.clusterFile, with: Array("\(map.clusterID) \(layout.count)\n".utf8))
        return true
    }
}
