internal import Coordinator
internal import Mail
internal import Messages
internal import Model
package import Placement
internal import Randomness
internal import Replication

/// A whole cluster in one thread: coordinator, nodes, clients, clocks, network and disks, all from one seed.
package final class Simulation {
    package struct Result: Sendable {
        package let seed: UInt64
        package let steps: Int
        package let acknowledgedWrites: Int
        /// The longest time in which no client was answered by the first partition, in microseconds.
        package let longestSilence: UInt64
        /// The longest time in which no write to it was acknowledged.
        package let longestWithoutWrite: UInt64
        package let coverage: Coverage
        /// What did not hold, if anything.
        package let violation: String?
        package let trace: [String]

        /// Whether a history is long enough to show something.
        package var isLong: Bool { steps >= 1_000 && coverage.faults >= 3 }
    }

    private static let faultsBegin: UInt64 = 3_000_000
    private static let faultsEnd: UInt64 = 15_000_000
    private static let clientsEnd: UInt64 = 26_000_000
    /// By then a node that was started again late has asked for an epoch in which it lets go what others have without it.
    private static let changesEnd: UInt64 = 27_500_000
    private static let end: UInt64 = 30_500_000
    private static let coordinatorTick: UInt64 = 100_000
    private static let largestTrace = 200_000
    private static let freshnessPause: UInt64 = 10_000
    /// How fast nodes' clocks go, in thousandths.
    private static let clocks: ClosedRange<UInt64> = 980...1_020
    /// As far apart as they may be, where a lease is not to outlast a grace period.
    private static let driftingClocks: ClosedRange<UInt64> = 850...1_180
    /// Many times what a run has.
    private static let mostSteps = 1_000_000

    package let seed: UInt64
    let settings: ReplicationSettings
    let partitions: [PartitionID]
    var random: SeededGenerator
    var network = SimulatedNetwork()
    var history = History()
    var checker = InvariantChecker()
    var coverage = Coverage()
    /// The most that a sync takes, in microseconds: disks are slow in some clusters, always.
    let longestSync: UInt64
    let clockRates: ClosedRange<UInt64>
    private(set) var nodes: [NodeID: SimulatedNode] = [:]
    /// Whether any fault may happen at any time.
    private(set) var isHarmful = false
    /// The node whose data was lost.
    private var lostNode: NodeID?
    /// Kept, because what was scheduled for them refers to them.
    private var retired: [SimulatedNode] = []
    private let timeline = Timeline()
    private let isTracing: Bool
    private var clients: [SimulatedClient] = []
    private var coordinator: CoordinatorState
    private let replacement: CoordinatorState.Replacement
    private var isCoordinatorUp = true
    /// Learners that the coordinator has withdrawn, and in which epoch.
    private var withdrawn: Set<NamedLearner> = []
    private var lastNumber: UInt64 = 0
    private var traceLines: [String] = []
    private var mapVersionWhenHealed: UInt64 = 0
    private var nextFreshnessCheck: UInt64 = 0

    /// - Parameters:
    ///   - replicationFactor: 2 or 3 by the seed where it is nil.
    ///   - mayDrift: whether clocks go as differently as they may, in some clusters. What takes a time takes longer then.
    ///   - isTracing: whether the result says what has happened, line by line.
    package init(seed: UInt64, replicationFactor: Int? = nil, mayDrift: Bool = true, isTracing: Bool = false) {
        self.seed = seed
        self.isTracing = isTracing
        var random = SeededGenerator(seed: seed)
        let nodeCount = UInt64.random(in: 3...5, using: &random)
        let partitionCount = random.one(in: 4) ? 3 : 2
        let factor = replicationFactor ?? (random.one(in: 5) ? 2 : 3)
        var settings = ReplicationSettings(replicationFactor: factor)
        // So small that they matter.
        settings.window = 8
        settings.entriesPerMessage = 4
        settings.recentBytes = 1_500
        settings.largestUncommitted = 12
        settings.largestUnapplied = 6
        settings.patienceWithSurplus = 2_000_000
        self.settings = settings
        longestSync = random.one(in: 3) ? 60_000 : 2_000
        network.keepsOrder = random.one(in: 3)
        let isDrifting = random.one(in: 3) && mayDrift
        clockRates = isDrifting ? Simulation.driftingClocks : Simulation.clocks
        self.random = random
        partitions = (0..<partitionCount).map { PartitionID(UInt16($0)) }
        let ids = (1...nodeCount).map { NodeID($0) }
        let configurations = partitions.map { partition in
            let members = (0..<factor).map { ids[(Int(partition.rawValue) + $0) % ids.count] }
            return PartitionMap.Configuration(epoch: 1, primary: members[0], secondaries: Array(members.dropFirst()))
        }
        var replacement = CoordinatorState.Replacement()
        replacement.silence = 1_000
        replacement.patience = 500
        self.replacement = replacement
        coordinator = CoordinatorState(
            map: PartitionMap(
                clusterID: 1,
                version: 1,
                replicationFactor: factor,
                members: ids.map { Simulation.member($0) },
                configurations: configurations
            ),
            replacement: replacement
        )
        for id in ids {
            nodes[id] = SimulatedNode(id, in: self)
        }
        clients = (0..<4).map { SimulatedClient($0, in: self) }
        if isDrifting { coverage.note(.farDrift) }
    }

    var now: UInt64 { timeline.now }
    var coordinatorMap: PartitionMap { coordinator.map }
    var sortedNodes: [SimulatedNode] { nodes.values.sorted { $0.id < $1.id } }
    var addresses: [Address] {
        nodes.keys.sorted().map { .node($0) } + [.coordinator] + clients.indices.map { .client($0) }
    }

    private static func member(_ id: NodeID) -> Member {
        Member(id: id, name: "node\(id.rawValue)", host: "127.0.0.1", port: 1, beaconPort: 2)
    }

    func member(_ id: NodeID) -> Member { Simulation.member(id) }

    func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    package func schedule(after delay: UInt64, _ body: @escaping () -> Void) {
        timeline.schedule(after: delay, body)
    }

    func trace(_ line: () -> String) {
        guard isTracing, traceLines.count < Simulation.largestTrace else { return }
        traceLines.append("\(now) \(line())")
    }

    func fail(_ what: String) {
        checker.fail(what)
    }

    /// What a primary acknowledges, every member of its configuration holds durably: it survives the crash of all, and
    /// the loss of all disks but one. Where another epoch has begun, its members do, and of the primary's those that have not
    /// let go since.
    func checkDurability(
        of entry: ReplicatedEntry,
        in partition: PartitionID,
        _ configuration: PartitionMap.Configuration
    ) {
        var members = configuration.replicas
        if let present = coordinator.map.configuration(of: partition), present.epoch > configuration.epoch {
            members = present.replicas + members.filter { nodes[$0]?.discarded.contains(partition) != true }
        }
        // A disk that was lost meanwhile counts: it is one of those that may be.
        let holders = (nodes.values + retired).filter { $0.disk.holds(entry, in: partition) }.map(\.id)
        guard let other = members.first(where: { !holders.contains($0) }) else { return }
        fail("partition \(partition): entry \(entry.index) is acknowledged and not durable on \(other)")
    }

    // MARK: Packets

    func send(_ packet: Packet, from sender: Address, to receiver: Address) {
        var delays = network.delays(from: sender, to: receiver, now: now, using: &random)
        // Writes of clients carry no key: a request that came twice would be two writes.
        if case .request = packet { delays = Array(delays.prefix(1)) }
        for delay in delays {
            deliver(packet, from: sender, to: receiver, after: delay)
        }
    }

    private func deliver(_ packet: Packet, from sender: Address, to receiver: Address, after delay: UInt64) {
        switch receiver {
        case .node(let id):
            guard let node = nodes[id] else { return }
            // What was sent to a process that has ended since is lost with its connections.
            node.whenAwake(after: delay, node.run) {
                self.trace { "\(sender) -> \(receiver): \(packet)" }
                node.receive(packet, from: sender)
            }
        case .coordinator:
            let run: UInt64 = if case .node(let id) = sender { nodes[id]?.run ?? 0 } else { 0 }
            schedule(after: delay) { [unowned self] in
                guard self.isCoordinatorUp else { return }
                self.trace { "\(sender) -> coordinator: \(packet)" }
                self.decide(packet, for: sender, run: run)
            }
        case .client(let number):
            schedule(after: delay) { [unowned self] in
                guard case .answer(let answer) = packet else { return }
                self.trace { "\(sender) -> client\(number): \(answer)" }
                self.clients[number].receive(answer)
            }
        }
    }

    /// - Parameter run: the asking process's, whose connection ends with it.
    private func decide(_ packet: Packet, for asker: Address, run: UInt64) {
        let request: CoordinatorRequest
        let answer: (PartitionMap) -> Packet
        switch packet {
        case .coordinator(let direct): (request, answer) = (direct, { .map($0) })
        case .relay(let relayed, let node, let run):
            (request, answer) = (relayed, { .relayed($0, for: node, run: run) })
        default: return
        }
        let version = coordinator.map.version
        let effects = coordinator.handle(request, now: now / 1_000, random: 1)
        if case .propose(let partition, let next) = request {
            coverage.note(coordinator.map.version > version ? .proposalGranted : .proposalTooLate)
            if coordinator.map.version > version, coordinator.map.configurations[Int(partition.rawValue)] != next {
                coverage.note(.withdrawnLearnerDecided)
            }
        }
        for case .answer(let reply) in effects {
            guard case .node(let id) = asker, nodes[id]?.run == run else { continue }
            switch (reply, packet) {
            case (.map(let map), _): send(answer(map), from: .coordinator, to: asker)
            case (.beaten, .coordinator): send(.beaten, from: .coordinator, to: asker)
            default: break
            }
        }
        for case .answer(.refused(let refusal)) in effects {
            if case .propose = request { fail("the coordinator refused \(request): \(refusal)") }
        }
    }

    func stopCoordinator() { isCoordinatorUp = false }

    /// It has its map, which it stores before it answers, and nothing else.
    func startCoordinator() {
        isCoordinatorUp = true
        coordinator = CoordinatorState(map: coordinator.map, replacement: replacement)
    }

    private struct NamedLearner: Hashable {
        let partition: PartitionID
        let epoch: UInt64
        let node: NodeID
    }

    private var namedLearners: Set<NamedLearner> {
        var named: Set<NamedLearner> = []
        for (partition, nodes) in coordinator.map.learners {
            guard let epoch = coordinator.map.configuration(of: partition)?.epoch else { continue }
            named.formUnion(nodes.map { NamedLearner(partition: partition, epoch: epoch, node: $0) })
        }
        return named
    }

    private func replaceLostReplicas() {
        let before = namedLearners
        guard !coordinator.replaceLostReplicas(now: now / 1_000).isEmpty else { return }
        let after = namedLearners
        if !after.isSubset(of: before) { coverage.note(.learnerNamed) }
        if !before.isSubset(of: after) { coverage.note(.learnerWithdrawn) }
        if !withdrawn.isDisjoint(with: after.subtracting(before)) { coverage.note(.learnerNamedAgain) }
        withdrawn.formUnion(before.subtracting(after))
    }

    private func keepCoordinating() {
        if isCoordinatorUp { replaceLostReplicas() }
        schedule(after: Simulation.coordinatorTick) { [unowned self] in self.keepCoordinating() }
    }

    // MARK: A run

    /// Runs the cluster through faults, heals it, and checks what must have held.
    ///
    /// - Parameter harm: what befalls it, begun once when clients have had a while; any faults at any times by default.
    package func run(harm: ((Simulation) -> Void)? = nil) -> Result {
        for node in sortedNodes {
            schedule(after: UInt64.random(in: 0...100_000, using: &random)) { node.start() }
        }
        for client in clients {
            schedule(after: 2_000_000) { client.begin() }
        }
        keepCoordinating()
        schedule(after: Simulation.faultsBegin) { [unowned self] in
            guard harm == nil else { return harm?(self) ?? () }
            self.isHarmful = true
            self.keepHarming()
        }
        schedule(after: Simulation.faultsEnd) { [unowned self] in self.heal() }
        schedule(after: Simulation.changesEnd) { [unowned self] in
            self.mapVersionWhenHealed = self.coordinator.map.version
        }
        schedule(after: Simulation.clientsEnd) { [unowned self] in
            for client in self.clients {
                client.isEnding = true
            }
        }
        timeline.run(until: Simulation.end) { [unowned self] in
            self.checker.check(self.nodes.values, self.partitions, now: self.now)
            self.checker.check(self.coordinatorMap, least: self.settings.minimumReplicas)
            // What is read too far behind stays so for a while: now and then is often enough.
            if self.now >= self.nextFreshnessCheck {
                self.nextFreshnessCheck = self.now + Simulation.freshnessPause
                self.checkFreshness()
            }
            if self.timeline.steps > Simulation.mostSteps { self.fail("messages go on without end") }
            return self.checker.violation == nil
        }
        if checker.readsElsewhere > 0 { coverage.note(.readElsewhere) }
        if checker.violation == nil { checkEnd() }
        if checker.violation == nil, let violation = history.violation() { fail(violation) }
        return Result(
            seed: seed,
            steps: timeline.steps,
            acknowledgedWrites: history.acknowledgedWrites,
            longestSilence: history.longestSilence(
                of: partitions[0],
                from: Simulation.faultsBegin,
                to: Simulation.clientsEnd
            ),
            longestWithoutWrite: history.longestSilence(
                of: partitions[0],
                isOfWrites: true,
                from: Simulation.faultsBegin,
                to: Simulation.clientsEnd
            ),
            coverage: coverage,
            violation: checker.violation,
            trace: traceLines
        )
    }

    private func checkFreshness() {
        let staleness = settings.times.staleness + settings.times.staleness / 200
        let longest = staleness * 1_000 / clockRates.lowerBound
        for partition in partitions {
            checker.checkReadsElsewhere(nodes.values, partition, staleness: staleness, longest: longest, now: now)
        }
    }

    /// Does something again and again while faults may happen.
    package func repeating(every pause: UInt64, _ body: @escaping (Simulation) -> Void) {
        guard now + pause < Simulation.faultsEnd else { return }
        body(self)
        schedule(after: pause) { [unowned self] in self.repeating(every: pause, body) }
    }

    /// The node that is the primary of the first partition.
    package var firstPrimary: NodeID { coordinator.map.primary(of: PartitionID(0)) ?? NodeID(1) }
    /// A secondary of the first partition.
    package var firstSecondary: NodeID { coordinator.map.configurations[0].secondaries.first ?? firstPrimary }

    /// Whether all other members of every partition of a node have what it has: then its data may go.
    func mayLoseData(_ node: SimulatedNode) -> Bool {
        guard lostNode == nil, node.isUp, coordinator.map.replicationFactor > 1 else { return false }
        return coordinator.map.configurations.allSatisfy {
            !$0.replicas.contains(node.id) || $0.replicas.count == coordinator.map.replicationFactor
        }
    }

    /// Whether a member can be left out without others in its place.
    var hasMembersToSpare: Bool { settings.replicationFactor > settings.minimumReplicas }

    /// One of the partitions, or more.
    func drawPartitions() -> Set<PartitionID> {
        Set(partitions.shuffled(using: &random).prefix(Int.random(in: 1...partitions.count, using: &random)))
    }

    /// What a node has cannot be counted on any more.
    func noteLoss(of node: SimulatedNode) { lostNode = node.id }

    /// A node comes back without its data: as a stranger. At most once, so that replicas are not lost faster than they
    /// are replaced.
    ///
    /// - Parameter disk: what the stranger has of what it was.
    func replace(_ node: SimulatedNode, with disk: SimulatedDisk = SimulatedDisk(), after time: UInt64) {
        noteLoss(of: node)
        let id = NodeID(node.id.rawValue + 100)
        nodes[node.id] = nil
        node.isRetired = true
        retired.append(node)
        let stranger = SimulatedNode(id, in: self)
        stranger.disk = disk
        nodes[id] = stranger
        schedule(after: time) { stranger.start() }
    }

    /// All members of the first partition but one are lost for good, its primary among them, and after a while an operator lets
    /// whoever is left lead.
    package func loseMajorityForGood(forcingAfter pause: UInt64) {
        for id in coordinator.map.configurations[0].replicas.dropLast() {
            guard let node = nodes.removeValue(forKey: id) else { continue }
            trace { "FAULT \(id) is lost for good" }
            node.crash()
            node.isRetired = true
            retired.append(node)
        }
        schedule(after: pause) { [unowned self] in self.forceWhatLacksReplicas() }
    }

    private func forceWhatLacksReplicas() {
        for partition in partitions {
            let left = coordinator.map.configurations[Int(partition.rawValue)].replicas.filter { nodes[$0] != nil }
            guard left.count < settings.minimumReplicas, let node = left.first else { continue }
            checker.noteForced(partition)
            for case .answer(.refused(let refusal)) in coordinator.handle(
                .force(partition, epoch: coordinator.map.configurations[Int(partition.rawValue)].epoch, node),
                now: now / 1_000,
                random: 1
            ) {
                fail("partition \(partition) cannot be forced: \(refusal)")
            }
        }
    }

    private func keepHarming() {
        guard now < Simulation.faultsEnd else { return }
        Harm.any(in: self)
        let pause = UInt64.random(in: 100_000...2_500_000, using: &random)
        schedule(after: pause) { [unowned self] in self.keepHarming() }
    }

    /// Until whoever operates a node that is not well starts it again: some come when all faults are over.
    func drawOperatorsDelay() -> UInt64 {
        // What is noticed later is not mended by the healing.
        UInt64.random(in: 1_000_000...(isHarmful ? 20_000_000 : 3_000_000), using: &random)
    }

    private func heal() {
        trace { "HEAL" }
        isHarmful = false
        network.heal()
        if !isCoordinatorUp { startCoordinator() }
        for node in sortedNodes {
            node.pausedUntil = 0
            node.fullUntil = 0
            node.hungUntil = 0
            node.unreadableUntil = 0
            if node.disk.hasFailed || !node.stopped.isEmpty { node.crash() }
            node.start()
        }
    }

    /// After the healing every partition serves, has its replicas again, and they are equal.
    private func checkEnd() {
        if coordinator.map.version != mapVersionWhenHealed { fail("configurations go on changing after healing") }
        for partition in partitions {
            let configuration = coordinator.map.configurations[Int(partition.rawValue)]
            guard let primary = configuration.primary.flatMap({ nodes[$0] }),
                let replica = primary.replicas[partition], primary.mayRead(replica)
            else {
                fail("partition \(partition) serves nothing after healing: \(configuration)")
                return
            }
            if configuration.replicas.count < min(coordinator.map.replicationFactor, nodes.count) {
                fail("partition \(partition) lacks replicas after healing: \(configuration)")
            }
            if configuration.replicas.count > coordinator.map.replicationFactor {
                fail("partition \(partition) has replicas too many after healing: \(configuration)")
            }
            for id in configuration.replicas {
                guard let node = nodes[id], let other = node.replicas[partition] else { continue }
                if let waiting = node.machines[partition]?.outgoing.waitingCount, waiting > 0 {
                    fail("partition \(partition): \(id) keeps \(waiting) letters that all have taken, or should have")
                }
                if other.committed != replica.lastIndex {
                    fail(
                        "partition \(partition): \(id) has committed \(other.committed) of \(replica.lastIndex) "
                            + "after healing"
                    )
                }
            }
        }
        if let lost = checker.mail.undelivered { fail(lost) }
        let recent = history.operations.contains { ($0.answer?.at ?? 0) > Simulation.clientsEnd - 2_000_000 }
        if !recent { fail("no client was answered after healing") }
    }
}
