internal import Model
internal import Placement
internal import Replication

/// A node whose disk does not answer.
extension SimulatedNode {
    /// How many ticks a sync may take, where all partitions can go on without this node.
    private static var ticksOfPatience: Int { 30 }

    func hangDisk(for time: UInt64) { hungUntil = max(hungUntil, simulation.now + time) }

    /// A disk that does not answer makes its node useless as a member, and keeps it from being replaced.
    func giveUpHungDisk() {
        let isDispensable = map.configurations.allSatisfy {
            !$0.replicas.contains(id) || $0.replicas.count > simulation.settings.minimumReplicas
        }
        guard isSyncing, !disk.hasFailed, isDispensable, replicas.values.contains(where: \.isLogBehindOthers) else {
            return
        }
        ticksOfSync += 1
        guard ticksOfSync > SimulatedNode.ticksOfPatience else { return }
        simulation.coverage.note(.hungDiskGivenUp)
        disk.hasFailed = true
        logFailed()
        simulation.schedule(after: simulation.drawOperatorsDelay()) { [unowned self, run] in
            guard self.run == run, run != 0 else { return }
            self.crash()
            self.start()
        }
    }
}
