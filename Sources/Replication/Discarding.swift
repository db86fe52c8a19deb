package import Placement

extension PartitionMap.Configuration {
    /// Whether a node that is neither member nor learner may let go what it has of a partition.
    ///
    /// An admission that counts on what the node has said to hold is proposed in the epoch in which it said so, and decided
    /// when another one has begun. Where members are missing, what it has may save filling it again; and a partition with
    /// one replica has no copies, so that whatever is left of it may be wanted.
    ///
    /// - Parameter epoch: the last one in which the node may have told a primary what it holds.
    package func mayBeDoneWithout(_ node: NodeID, since epoch: UInt64, factor: Int) -> Bool {
        self.epoch > epoch && factor > 1 && replicas.count >= factor && !replicas.contains(node)
    }
}
