internal import Logging
internal import Model
internal import Observability
internal import Partitions
internal import Placement

/// What a partition cannot do, for the log of the process and for who asks how the node is.
extension PartitionHost {
    /// The store has no space for an entry of a partition; nil where it has again.
    func storeIsFull(_ message: String?, for id: PartitionID) {
        guard resources.problems.set(message, about: "store of partition \(id)") else { return }
        let metadata: Logger.Metadata = ["partition": "\(id)", "message": "\(message ?? "")"]
        if message != nil {
            resources.logger.critical("the store is full: writes are refused", metadata: metadata)
        } else {
            resources.logger.notice("the store has space again", metadata: metadata)
        }
    }

    func tailsNotDrained(_ id: PartitionID, _ error: PartitionFailure) {
        resources.logger.error(
            "home lists cannot be written; the log grows",
            metadata: ["partition": "\(id)", "error": "\(error)"]
        )
    }

    /// A partition cannot go on. The others do.
    func partitionStopped(_ id: PartitionID, _ error: PartitionFailure) {
        resources.problems.set(error.description, about: "partition \(id)")
        resources.logger.critical("partition stopped", metadata: ["partition": "\(id)", "error": "\(error)"])
    }

    /// Whether another replica of a partition that this node leads has the same as this one.
    func replicasAgree(_ agrees: Bool, in id: PartitionID, with node: NodeID, at index: LogIndex) {
        guard !agrees else { return }
        // An alarm, and no problem of this node's: nobody knows which of the two is wrong.
        resources.logger.critical(
            "replicas differ: one of them is damaged",
            metadata: ["partition": "\(id)", "node": "\(node)", "index": "\(index)"]
        )
    }
}
