internal import Log
internal import Placement
internal import Replication

/// A disk that does not answer.
extension PartitionHost {
    /// Gives the log up where its disk has not answered for long, and others do better: all partitions of this node could go on
    /// without it, and those that it leads have entries that are durable at enough others. Where the disks of all hang, nobody is
    /// a better place, and the log goes on when its disk does.
    func giveUpHungLog() {
        let least = ReplicationSettings(replicationFactor: map.replicationFactor).minimumReplicas
        let isDispensable = map.configurations.allSatisfy {
            !$0.replicas.contains(resources.node) || $0.replicas.count > least
        }
        guard isDispensable, replicas.contains(where: \.state.isLogBehindOthers) else { return }
        resources.log.failIfStuck(for: resources.settings.logPatience)
    }
}
