internal import Logging
internal import Model
internal import Partitions
internal import Replication

/// Opens the replicas of one event loop with what the store and the log have of them. Confined to its event loop.
final class PartitionOpener {
    private let resources: NodeResources
    /// What the log was found to hold of partitions that have not been opened.
    private var logs: [PartitionID: RecoveredLog]
    /// Partitions that are closed and of which nothing is here.
    private var absent: Set<PartitionID> = []

    init(resources: NodeResources, logs: [PartitionID: RecoveredLog]) {
        self.resources = resources
        self.logs = logs
        logEpochs = logs.compactMapValues { $0.epochs?.lastEpoch }
    }

    /// The epoch of the last entry that the log was found to have of each partition, whatever became of it.
    let logEpochs: [PartitionID: UInt64]

    /// Whether an earlier run, or part in the partition, has left something of it. Where that cannot be read, opening it will say so.
    func isLeft(_ partition: PartitionID) -> Bool {
        if absent.contains(partition) { return false }
        if logs[partition] != nil { return true }
        let isStored = (try? Partition.isStored(partition, in: resources.database)) ?? true
        if !isStored { absent.insert(partition) }
        return isStored
    }

    func noteRemoved(_ partition: PartitionID) { absent.insert(partition) }

    /// - Parameter count: the partitions that share the node's memory.
    func open(
        _ id: PartitionID,
        _ layout: PartitionLayout,
        factor: Int,
        amongst count: Int,
        for host: PartitionHost
    ) throws(PartitionFailure) -> Replica {
        absent.remove(id)
        let partition = try openStore(of: id, layout, amongst: count)
        var log = logs.removeValue(forKey: id) ?? RecoveredLog()
        try log.finish(applied: partition.appliedIndex, epoch: partition.lastEpoch)
        let state = ReplicaState(
            node: resources.node,
            partition: id,
            settings: resources.settings.replication(factor: factor, amongst: count),
            log: log.epochs ?? EpochTable(),
            committed: partition.appliedIndex,
            hasLostEntries: resources.lostEntries.partitions.contains(id)
        )
        resources.logger.info(
            "partition open",
            metadata: [
                "partition": "\(id)", "applied": "\(partition.appliedIndex)", "last": "\(state.lastIndex)",
            ]
        )
        return try Replica(
            partition: partition,
            state: state,
            uncommitted: log.uncommitted,
            host: host,
            limit: resources.settings.inFlight
        )
    }

    /// The partition as the store has it.
    func openStore(
        of id: PartitionID,
        _ layout: PartitionLayout,
        amongst count: Int
    ) throws(PartitionFailure) -> Partition {
        let partition = try Partition(
            id: id,
            layout: layout,
            database: resources.database,
            settings: resources.settings.partition(amongst: count),
            incarnation: UInt64.random(in: 1...UInt64.max)
        )
        // After `Recovery` there is nothing left to do, unless the log has nothing of the partition.
        try partition.finishReplay()
        return partition
    }
}
