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

    /// A partition cannot go on. The others do: the coordinator is told which.
    func partitionStopped(_ id: PartitionID, _ error: PartitionFailure) {
        resources.problems.set(error.description, about: "partition \(id)", isHindrance: false)
        resources.logger.critical("partition stopped", metadata: ["partition": "\(id)", "error": "\(error)"])
    }

    /// What the node has of a partition that is elsewhere cannot be read: it stays where it is.
    func leftoverStopped(_ id: PartitionID, _ error: PartitionFailure) {
        resources.logger.error(
            "what is left of a partition cannot be opened",
            metadata: ["partition": "\(id)", "error": "\(error)"]
        )
    }

    /// Another replica of a partition that this node leads has not the same as this one: an alarm, and no problem of this
    /// node's.
    ///
    /// - Parameter isRebuilt: whether it is known to be the one that is wrong; else nobody knows which of the two is.
    func replicaDiffers(in id: PartitionID, at node: NodeID, index: LogIndex, isRebuilt: Bool) {
        resources.logger.critical(
            "replicas differ: one of them is damaged",
            metadata: ["partition": "\(id)", "node": "\(node)", "index": "\(index)", "rebuilt": "\(isRebuilt)"]
        )
    }
}
