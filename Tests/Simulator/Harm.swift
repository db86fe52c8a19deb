internal import Messages
internal import Model
package import Placement
internal import Randomness
internal import Replication

/// The faults of a simulation.
package enum Harm: CaseIterable, Sendable {
    case crash, crashOfAll, pause, isolation, cutPair, cutOneWay, flap, lateReplies, coordinatorDown
    case loss, repetition, slowNetwork, slowDisk, slowDisks, fullDisk, failedSync, unreadableLog, lostData, damagedLog,
        damagedPart, flippedBit
    case flush, transfer, leave, rebuild, move
    case clockStep
    case unreachableCoordinator

    /// Any fault, of anything, for any time.
    static func any(in simulation: Simulation) {
        guard let harm = allCases.randomElement(using: &simulation.random),
            let node = simulation.sortedNodes.randomElement(using: &simulation.random)
        else { return }
        let time = UInt64.random(in: 10_000...4_000_000, using: &simulation.random)
        harm.befall(node.id, for: time, in: simulation)
    }

    /// A fault just when a configuration changes, now and then: that is when most can go wrong.
    static func maybe(whileChanging partition: PartitionID, in simulation: Simulation) {
        guard simulation.isHarmful, simulation.random.one(in: 12) else { return }
        let replicas = simulation.coordinatorMap.configurations[Int(partition.rawValue)].replicas
        guard let id = replicas.randomElement(using: &simulation.random),
            let harm = [Harm.crash, .pause, .isolation, .cutOneWay].randomElement(using: &simulation.random)
        else { return }
        let wait = UInt64.random(in: 0...20_000, using: &simulation.random)
        let time = UInt64.random(in: 10_000...2_500_000, using: &simulation.random)
        simulation.schedule(after: wait) { [unowned simulation] in harm.befall(id, for: time, in: simulation) }
    }

    /// The primary gets no answer to its proposal, and the new member nothing from the primary: what is committed
    /// meanwhile must not be without it.
    static func maybe(
        whileAdmitting next: PartitionMap.Configuration,
        to partition: PartitionID,
        by primary: NodeID,
        in simulation: Simulation
    ) {
        guard simulation.isHarmful, simulation.random.one(in: 3), let learner = next.secondaries.last,
            let node = simulation.nodes[primary]
        else { return }
        if next.replicas.count > simulation.settings.replicationFactor, simulation.random.one(in: 2) {
            Harm.forgetLearner(learner, askedFor: next, of: partition, by: node, in: simulation)
        } else if simulation.random.one(in: 2) {
            Harm.hideAdmission(of: learner, from: primary, in: simulation)
        } else {
            simulation.coverage.note(.unansweredAdmission)
            simulation.trace { "FAULT unanswered admission of \(learner)" }
            let time = UInt64.random(in: 100_000...2_500_000, using: &simulation.random)
            let links: [(Address, Address)] = [(.coordinator, .node(primary)), (.node(primary), .node(learner))]
            Harm.cut(links, for: time * 3 / 2, in: simulation)
            Harm.crash(node, after: time, for: time * 2, in: simulation)
        }
    }

    /// The primary asks for the admission again and again before the coordinator hears of it. That one forgets the learner meanwhile, who
    /// hears that all others are there, keeps silent for as long as it has to before it lets go what it has, and is named again.
    private static func forgetLearner(
        _ learner: NodeID,
        askedFor next: PartitionMap.Configuration,
        of partition: PartitionID,
        by primary: SimulatedNode,
        in simulation: Simulation
    ) {
        guard let node = simulation.nodes[learner] else { return }
        simulation.coverage.note(.forgottenAdmission)
        simulation.trace { "FAULT forgotten learner \(learner) of partition \(partition)" }
        let times = simulation.settings.times
        // Longer than the simulated coordinator waits for a node.
        let silence: UInt64 = 1_500_000
        let end = simulation.now + silence + times.patienceWithDispensable + times.acknowledgement
        primary.lostProposals[partition] = (next, end)
        node.pausedUntil = max(node.pausedUntil, simulation.now + silence)
        simulation.schedule(after: end - simulation.now) { [unowned simulation] in
            simulation.send(.coordinator(.addLearner(partition, learner)), from: .client(0), to: .coordinator)
        }
    }

    /// The primary hears of the admission in no way, through others neither, and nothing of the new member, for long enough that that
    /// one claims to be primary, while the old one has the other members' leases.
    private static func hideAdmission(of learner: NodeID, from primary: NodeID, in simulation: Simulation) {
        simulation.coverage.note(.hiddenAdmission)
        simulation.trace { "FAULT hidden admission of \(learner) from \(primary)" }
        let time = UInt64.random(in: 2_000_000...4_000_000, using: &simulation.random)
        let unknowing = simulation.sortedNodes.map(\.id).filter { $0 != learner }
        let between: [(Address, Address)] = [
            (.node(primary), .node(learner)), (.node(learner), .node(primary)),
        ]
        Harm.cut(unknowing.map { (.coordinator, .node($0)) } + between, for: time, in: simulation)
    }

    /// A learner that is silent for so long that it is withdrawn, and named again when it is back: all in one epoch, in which what
    /// it said before is not to count.
    static func maybe(whileTeaching follower: NodeID, in simulation: Simulation) {
        guard simulation.isHarmful, simulation.random.one(in: 12), let node = simulation.nodes[follower] else { return }
        let time = UInt64.random(in: 1_200_000...3_000_000, using: &simulation.random)
        simulation.trace { "FAULT pause of learner \(follower) for \(time)" }
        node.pausedUntil = max(node.pausedUntil, simulation.now + time)
    }

    /// A claim that is on its way for long, while the claimant starts again and, not knowing of it, grants the old primary
    /// its lease.
    ///
    /// - Returns: whether the claim is sent so.
    static func maybe(
        whileClaiming next: PartitionMap.Configuration,
        of partition: PartitionID,
        by claimant: SimulatedNode,
        in simulation: Simulation
    ) -> Bool {
        guard simulation.isHarmful, simulation.random.one(in: 4) else { return false }
        simulation.coverage.note(.lateClaim)
        simulation.trace { "FAULT late claim of \(claimant.id)" }
        if simulation.random.one(in: 2) { simulation.network.heal() }
        let time = UInt64.random(in: 100_000...2_500_000, using: &simulation.random)
        let primary = simulation.coordinatorMap.primary(of: partition)
        simulation.schedule(after: time) { [unowned simulation, id = claimant.id] in
            // The old primary does not hear of it.
            if let primary, simulation.random.one(in: 2) {
                let others = simulation.addresses.filter { $0 != .node(primary) }
                cut(others.map { ($0, .node(primary)) }, for: 1_500_000, in: simulation)
            }
            simulation.send(.coordinator(.propose(partition, next)), from: .node(id), to: .coordinator)
            // It starts again as the primary that it has become, and knows nothing of what it has promised meanwhile.
            if let node = simulation.nodes[id], simulation.random.one(in: 2) {
                let wait = UInt64.random(in: 2_000...150_000, using: &simulation.random)
                Harm.crash(node, after: wait, for: 20_000, in: simulation)
            }
        }
        Harm.crash(claimant, for: 20_000, in: simulation)
        return true
    }

    /// - Parameters:
    ///   - id: whom it befalls, where it befalls one node.
    ///   - time: how long it lasts, in microseconds.
    package func befall(_ id: NodeID, for time: UInt64, in simulation: Simulation) {
        guard let node = simulation.nodes[id],
            let other = simulation.sortedNodes.filter({ $0.id != id }).randomElement(using: &simulation.random)
        else { return }
        guard strike(node, other, for: time, in: simulation) else { return }
        simulation.coverage.noteHarm(self)
        simulation.trace { "FAULT \(self) of \(node.id), \(other.id), for \(time)" }
    }

    /// - Returns: whether there was anything to harm.
    private func strike(
        _ node: SimulatedNode,
        _ other: SimulatedNode,
        for time: UInt64,
        in simulation: Simulation
    ) -> Bool {
        switch self {
        case .crash: Harm.crash(node, for: time, in: simulation)
        case .crashOfAll:
            for node in simulation.sortedNodes {
                Harm.crash(node, for: UInt64.random(in: 10_000...time, using: &simulation.random), in: simulation)
            }
        case .pause: node.pausedUntil = max(node.pausedUntil, simulation.now + time)
        case .isolation:
            let others = simulation.addresses.filter { $0 != .node(node.id) }
            let links = others.flatMap { [(Address.node(node.id), $0), ($0, Address.node(node.id))] }
            Harm.cut(links, for: time, in: simulation)
        case .cutPair:
            Harm.cut([(.node(node.id), .node(other.id)), (.node(other.id), .node(node.id))], for: time, in: simulation)
        case .cutOneWay: Harm.cut([(.node(node.id), .node(other.id))], for: time, in: simulation)
        case .lateReplies: Harm.makeRepliesLate(to: node, for: time, in: simulation)
        case .flap: Harm.flap(node, other, until: simulation.now + time, in: simulation)
        case .coordinatorDown:
            simulation.stopCoordinator()
            simulation.schedule(after: time) { [unowned simulation] in simulation.startCoordinator() }
        case .unreachableCoordinator:
            let links: [(Address, Address)] = [(.node(node.id), .coordinator), (.coordinator, .node(node.id))]
            Harm.cut(links, for: time, in: simulation)
        case .loss:
            simulation.network.lossInverse = Int.random(in: 3...30, using: &simulation.random)
            simulation.schedule(after: time) { [unowned simulation] in simulation.network.lossInverse = 0 }
        case .repetition:
            simulation.network.repeatInverse = Int.random(in: 2...10, using: &simulation.random)
            simulation.schedule(after: time) { [unowned simulation] in simulation.network.repeatInverse = 0 }
        case .slowNetwork:
            simulation.network.longestDelay = UInt64.random(in: 10_000...600_000, using: &simulation.random)
            simulation.schedule(after: time) { [unowned simulation] in simulation.network.longestDelay = 2_000 }
        case .slowDisk: node.hangDisk(for: time)
        case .slowDisks:
            for node in simulation.sortedNodes {
                node.hangDisk(for: time)
            }
        case .fullDisk: node.fullUntil = max(node.fullUntil, simulation.now + time)
        case .failedSync:
            guard node.isUp else { return false }
            node.disk.hasFailed = true
            node.logFailed()
            Harm.crash(node, after: time, in: simulation)
        case .unreadableLog: node.unreadableUntil = max(node.unreadableUntil, simulation.now + time)
        case .lostData:
            // More than the protocol promises to survive, if another one is lost before it is replaced.
            guard simulation.mayLoseData(node) else { return false }
            Harm.loseData(node, for: time, in: simulation)
        case .damagedLog:
            guard simulation.mayLoseData(node) else { return false }
            node.crash()
            simulation.replace(node, with: node.disk.withoutLog(), after: time)
        case .damagedPart:
            // Of a partition in which a node has no part, there is nothing to lose, and it must not keep the node out of it.
            let partitions = simulation.drawPartitions()
            let isMember = partitions.contains { partition in
                simulation.coordinatorMap.configuration(of: partition)?.replicas.contains(node.id) == true
            }
            guard simulation.hasMembersToSpare, node.isUp, !isMember || simulation.mayLoseData(node) else {
                return false
            }
            if isMember { simulation.noteLoss(of: node) }
            node.disk.damaged = partitions
            Harm.crash(node, for: time, in: simulation)
        case .flippedBit:
            guard simulation.mayLoseData(node) else { return false }
            simulation.noteLoss(of: node)
            node.disk.damaged = simulation.drawPartitions()
            if simulation.random.one(in: 2) { Harm.crash(node, after: time, in: simulation) }
        case .flush:
            for node in simulation.sortedNodes {
                for partition in simulation.partitions {
                    node.flush(partition, trimsLog: true)
                }
            }
        case .leave:
            guard node.isUp else { return false }
            node.isEnding = true
            Harm.crash(node, after: time / 2, for: 300_000, in: simulation)
        case .rebuild:
            // Nothing is wrong with it: what follows must be right for any replica.
            guard let partition = simulation.partitions.randomElement(using: &simulation.random) else { return false }
            let configuration = simulation.coordinatorMap.configurations[Int(partition.rawValue)]
            guard let primary = configuration.primary.flatMap({ simulation.nodes[$0] }),
                let odd = configuration.secondaries.randomElement(using: &simulation.random)
            else { return false }
            primary.handle(.rebuild(odd), in: partition)
        case .clockStep:
            node.stamp.clockError += Int64.random(in: -7_200_000...7_200_000, using: &simulation.random)
        case .move:
            guard let partition = simulation.partitions.randomElement(using: &simulation.random) else { return false }
            return Harm.move(partition, until: simulation.now + time, in: simulation)
        case .transfer:
            guard let partition = simulation.partitions.randomElement(using: &simulation.random) else { return false }
            let configuration = simulation.coordinatorMap.configurations[Int(partition.rawValue)]
            guard let primary = configuration.primary,
                let successor = configuration.secondaries.randomElement(using: &simulation.random)
            else { return false }
            simulation.send(.transfer(partition, to: successor), from: .client(0), to: .node(primary))
        }
        return true
    }

    private static func crash(
        _ node: SimulatedNode,
        after wait: UInt64 = 0,
        for time: UInt64 = 100_000,
        in simulation: Simulation
    ) {
        simulation.schedule(after: wait) { [unowned simulation] in
            node.crash()
            simulation.schedule(after: time) { node.start() }
        }
    }

    /// An operator gives any replica of a partition to a node that has none, and asks again and again until it is so, or the time is up.
    private static func move(_ partition: PartitionID, until end: UInt64, in simulation: Simulation) -> Bool {
        let replicas = simulation.coordinatorMap.configurations[Int(partition.rawValue)].replicas
        let strangers = simulation.sortedNodes.map(\.id).filter { !replicas.contains($0) }
        guard let old = replicas.randomElement(using: &simulation.random),
            let new = strangers.randomElement(using: &simulation.random)
        else { return false }
        keepMoving(partition, from: old, to: new, until: end, in: simulation)
        return true
    }

    private static func keepMoving(
        _ partition: PartitionID,
        from old: NodeID,
        to new: NodeID,
        until end: UInt64,
        in simulation: Simulation
    ) {
        guard simulation.now < end, simulation.isHarmful else { return }
        let configuration = simulation.coordinatorMap.configurations[Int(partition.rawValue)]
        switch (configuration.replicas.contains(new), configuration.replicas.contains(old)) {
        case (true, false): return simulation.coverage.note(.replicaMoved)
        case (false, _):
            simulation.send(.coordinator(.addLearner(partition, new)), from: .client(0), to: .coordinator)
        case (true, true):
            guard let primary = configuration.primary else { break }
            let wish: Packet = primary == old ? .transfer(partition, to: new) : .exclude(partition, old)
            simulation.send(wish, from: .client(0), to: .node(primary))
        }
        simulation.schedule(after: 200_000) { [unowned simulation] in
            keepMoving(partition, from: old, to: new, until: end, in: simulation)
        }
    }

    private static func loseData(_ node: SimulatedNode, for time: UInt64, in simulation: Simulation) {
        node.crash()
        simulation.replace(node, after: time)
    }

    private static func cut(
        _ links: [(from: Address, to: Address)],
        for time: UInt64,
        in simulation: Simulation
    ) {
        for link in links {
            simulation.network.cut(from: link.from, to: link.to)
        }
        simulation.schedule(after: time) { [unowned simulation] in
            for link in links {
                simulation.network.join(from: link.from, to: link.to)
            }
        }
    }

    /// What others send to a node comes much later, and after a while they hear nothing of it: replies to its last beacons come
    /// when they have given it up.
    private static func makeRepliesLate(to node: SimulatedNode, for time: UInt64, in simulation: Simulation) {
        let others = simulation.addresses.filter { $0 != .node(node.id) }
        for other in others {
            let end = simulation.now + UInt64.random(in: time / 2...time * 2, using: &simulation.random)
            simulation.network.hold(from: other, to: .node(node.id), until: end)
        }
        let wait = UInt64.random(in: 0...400_000, using: &simulation.random)
        simulation.schedule(after: wait) { [unowned simulation] in
            cut(others.map { (.node(node.id), $0) }, for: time * 2, in: simulation)
        }
    }

    private static func flap(
        _ node: SimulatedNode,
        _ other: SimulatedNode,
        until end: UInt64,
        in simulation: Simulation
    ) {
        guard simulation.now < end else { return }
        let time = UInt64.random(in: 20_000...600_000, using: &simulation.random)
        cut([(.node(node.id), .node(other.id))], for: time, in: simulation)
        simulation.schedule(after: 2 * time) { [unowned simulation] in
            flap(node, other, until: end, in: simulation)
        }
    }
}
