internal import Model
internal import Placement
internal import Randomness
internal import Replication

/// What a node does for replicas that lack entries, and when it is one of them.
extension SimulatedNode {
    func readEntries(
        from first: LogIndex,
        for follower: NodeID,
        _ epoch: UInt64,
        in partition: PartitionID
    ) {
        // Long, now and then: the replica may be in another epoch then.
        let time: UInt64 = simulation.isHarmful && simulation.random.one(in: 20) ? 3_000_000 : 300
        whenAwake(after: time, run) {
            let isDamaged = self.disk.damaged.contains(partition)
            let isUnreadable = isDamaged || self.simulation.now < self.unreadableUntil
            if isUnreadable { self.simulation.coverage.note(.unreadLog) }
            // What can be read later is tried again.
            if isDamaged,
                self.replicas[partition]?.isAwaited(first, by: follower, epoch: epoch) == true
            {
                return self.stop(partition)
            }
            let found = isUnreadable ? nil : self.disk.entries(of: partition, from: first, limit: 100)
            self.handle(
                .read(found?.1 ?? [], previousEpoch: found?.previous ?? 0, for: follower, epoch: epoch),
                in: partition
            )
        }
    }

    /// Others do without what this node has of a partition, until whoever operates it starts it again.
    private func stop(_ partition: PartitionID) {
        simulation.coverage.note(.stoppedByItsLog)
        stopped.insert(partition)
        logFailed(in: partition)
        whenAwake(after: simulation.drawOperatorsDelay(), run) {
            self.crash()
            self.start()
        }
    }

    func sendSnapshot(to follower: NodeID, _ epoch: UInt64, of partition: PartitionID) {
        guard let machine = machines[partition], let configuration = replicas[partition]?.configuration else { return }
        whenAwake(after: 20_000, run) {
            self.simulation.send(
                .snapshot(partition, machine, configuration: configuration),
                from: .node(self.id),
                to: .node(follower)
            )
        }
        whenAwake(after: 100_000, run) { self.handle(.snapshotEnded(for: follower, epoch: epoch), in: partition) }
    }

    func install(
        _ machine: SimulatedMachine,
        _ configuration: PartitionMap.Configuration,
        in partition: PartitionID
    ) {
        guard let replica = replicas[partition], replica.configuration.epoch == configuration.epoch,
            replica.mayInstall(machine.applied), !disk.hasFailed, !isFull
        else { return }
        replaceAll(of: partition, with: machine)
        simulation.coverage.note(.snapshotInstalled)
        handle(.installed(index: machine.applied, epoch: machine.lastEpoch), in: partition)
    }

    /// Lets go what there is of a partition, and begins anew with nothing a little later.
    func discard(_ partition: PartitionID) {
        guard !disk.hasFailed else { return }
        if replicas[partition]?.lastIndex ?? 0 > 0 { simulation.coverage.note(.discarded) }
        simulation.trace { "\(self.id) lets partition \(partition) go" }
        close(partition)
        whenAwake(after: UInt64.random(in: 100...100_000, using: &simulation.random), run) {
            guard !self.disk.hasFailed else { return }
            self.replaceAll(of: partition, with: SimulatedMachine())
            self.discarded.insert(partition)
            self.open(partition)
            guard let configuration = self.map.configuration(of: partition) else { return }
            self.handle(.learners(self.map.learners[partition] ?? []), in: partition)
            self.handle(.configured(configuration), in: partition)
        }
    }
}
