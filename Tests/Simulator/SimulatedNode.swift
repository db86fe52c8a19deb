internal import Coordinator
internal import Mail
internal import Messages
internal import Model
internal import Placement
internal import Randomness
internal import Replication

/// A node: the shell that a real one has around the same state machines.
final class SimulatedNode {
    /// Who is answered when an entry is applied.
    enum Waiting {
        case client(ClientRequest, Address)
        case sender(of: [PartitionID], number: UInt64, Address)
    }

    static let tick: UInt64 = 50_000

    let id: NodeID
    unowned let simulation: Simulation
    var disk = SimulatedDisk()
    /// Changes when the process starts and when it ends.
    private(set) var run: UInt64 = 0
    private(set) var isUp = false
    var pausedUntil: UInt64 = 0
    /// A configuration of each partition that the coordinator is asked for in vain, and until when.
    var lostProposals: [PartitionID: (next: PartitionMap.Configuration, end: UInt64)] = [:]
    /// Until then no sync ends.
    var hungUntil: UInt64 = 0
    var ticksOfSync = 0
    /// Until then nothing can be read back from its log.
    var unreadableUntil: UInt64 = 0
    /// Until then it takes nothing new.
    var fullUntil: UInt64 = 0
    /// It is about to be ended.
    var isEnding = false
    /// Its partitions that have stopped.
    var stopped: Set<PartitionID> = []
    /// Its data is lost: it never comes back as itself.
    var isRetired = false

    /// This node's clock: where it began and how fast it goes, in thousandths.
    private let clockStart: UInt64
    private let clockRate: UInt64
    var stamp: SimulatedStamp

    private(set) var leases: LeaseTable
    private(set) var replicas: [PartitionID: ReplicaState] = [:]
    private(set) var machines: [PartitionID: SimulatedMachine] = [:]
    /// What it has let go, and not been a member of since.
    var discarded: Set<PartitionID> = []
    private var unapplied: [PartitionID: [LogIndex: ReplicatedEntry]] = [:]
    private var waiting: [PartitionID: [LogIndex: Waiting]] = [:]
    private var tickets: [(write: UInt64, partition: PartitionID, ticket: UInt64)] = []
    private(set) var isSyncing = false
    private(set) var map = PartitionMap()
    private lazy var courier = SimulatedCourier(node: self, simulation: simulation)
    private lazy var membership = SimulatedMembership(node: self, simulation: simulation)
    private var lastBeacon: UInt64 = 0

    init(_ id: NodeID, in simulation: Simulation) {
        self.id = id
        self.simulation = simulation
        clockStart = UInt64.random(in: 1_000_000...1_000_000_000, using: &simulation.random)
        clockRate = UInt64.random(in: simulation.clockRates, using: &simulation.random)
        stamp = SimulatedStamp(clockError: Int64.random(in: -500...500, using: &simulation.random))
        leases = LeaseTable(times: simulation.settings.times, run: 0, now: 0)
    }

    var now: MonotonicTime { clockStart + simulation.now * clockRate / 1_000 }

    /// How long a span by this node's clock is in true time, rounded up.
    func trueTime(of span: MonotonicTime) -> UInt64 { (span * 1_000 + clockRate - 1) / clockRate }

    // MARK: The process

    func start() {
        guard !isUp, !isRetired else { return }
        if !disk.damaged.isEmpty {
            // Who cannot be done without as the member that it was starts as somebody else, who has acknowledged nothing.
            guard simulation.hasMembersToSpare else {
                return simulation.replace(self, with: disk.withoutLog(), after: 0)
            }
            disk.loseWhatIsDamaged()
        }
        isUp = true
        run = UInt64.random(in: 1...UInt64.max, using: &simulation.random)
        leases = LeaseTable(times: simulation.settings.times, run: run, now: now)
        map = PartitionMap()
        courier = SimulatedCourier(node: self, simulation: simulation)
        membership = SimulatedMembership(node: self, simulation: simulation)
        lastBeacon = 0
        for partition in simulation.partitions {
            open(partition)
        }
        keepTicking(run)
    }

    func open(_ partition: PartitionID) {
        let log = disk.log(of: partition)
        let machine = disk.stored(of: partition).reopened()
        machines[partition] = machine
        var entries: [LogIndex: ReplicatedEntry] = [:]
        for entry in disk.entries(of: partition, from: machine.applied + 1, limit: .max)?.1 ?? [] {
            entries[entry.index] = entry
        }
        unapplied[partition] = entries
        replicas[partition] = ReplicaState(
            node: id,
            partition: partition,
            settings: simulation.settings,
            log: log,
            committed: machine.applied,
            hasLostEntries: disk.lost.contains(partition)
        )
    }

    /// Until it is opened again, the node takes no part in a partition.
    func close(_ partition: PartitionID) {
        replicas[partition] = nil
        machines[partition] = nil
    }

    func crash() {
        guard isUp else { return }
        isUp = false
        run = 0
        if disk.crash(using: &simulation.random) { simulation.coverage.note(.tornRecord) }
        replicas = [:]
        machines = [:]
        unapplied = [:]
        waiting = [:]
        stamp.forgetAll()
        tickets = []
        isSyncing = false
        ticksOfSync = 0
        pausedUntil = 0
        isEnding = false
        stopped = []
    }

    private func keepTicking(_ run: UInt64) {
        whenAwake(after: SimulatedNode.tick, run) {
            self.onTick()
            self.keepTicking(run)
        }
    }

    /// Does something later, unless the process has ended by then; after a pause, if it is paused.
    func whenAwake(after delay: UInt64, _ run: UInt64, _ body: @escaping () -> Void) {
        simulation.schedule(after: delay) { [unowned self] in
            guard self.run == run, run != 0 else { return }
            if self.simulation.now < self.pausedUntil {
                self.whenAwake(after: self.pausedUntil - self.simulation.now, run, body)
            } else {
                body()
            }
        }
    }

    private func onTick() {
        membership.tick()
        for partition in replicas.keys.sorted() {
            if let replica = replicas[partition], replica.isLeaving != wantsToLeave {
                simulation.coverage.note(wantsToLeave ? .wantsToLeave : .wantsToStay)
                handle(.leave(wantsToLeave), in: partition)
            }
            // What it tells of that may be old.
            if let machine = machines[partition], simulation.random.one(in: 3) {
                handle(.applied(machine.applied), in: partition)
            }
            handle(.tick, in: partition)
            if let replica = replicas[partition] { noteLeases(of: replica) }
        }
        giveUpHungDisk()
        updateWants()
        courier.tick()
        if now >= lastBeacon + simulation.settings.times.beacon {
            lastBeacon = now
            for peer in leases.beaconPeers {
                simulation.send(.beacon(leases.beacon(to: peer, now: now)), from: .node(id), to: .node(peer))
            }
        }
    }

    /// What leases let a primary do, or keep it from.
    private func noteLeases(of replica: ReplicaState) {
        guard let beginning = replica.beginning, replica.committed >= beginning else { return }
        let isBound = leases.promiseEnd(for: replica.partition) > now
        switch (replica.mayRead(now: now, leases: leases), isBound) {
        case (true, true): simulation.coverage.note(.servedInSpiteOfPromises)
        case (true, false): break
        case (false, true): simulation.coverage.note(.promisesAwaited)
        case (false, false): simulation.coverage.note(.leaseOver)
        }
    }

    var isFull: Bool { simulation.now < fullUntil }
    var wantsToLeave: Bool { isEnding || isFull || disk.hasFailed }

    private func updateWants() {
        var wants: [NodeID: [PartitionID: UInt64]] = [:]
        for peer in simulation.nodes.keys where peer != id {
            wants[peer] = [:]
        }
        for (partition, replica) in replicas {
            for grantor in replica.grantors {
                wants[grantor, default: [:]][partition] = replica.configuration.epoch
            }
        }
        for (peer, partitions) in wants {
            leases.want(partitions, from: peer, now: now)
        }
    }

    // MARK: Packets

    func receive(_ packet: Packet, from sender: Address) {
        switch (packet, sender) {
        case (.beacon(let beacon), .node(let peer)):
            let reply = leases.receive(beacon, from: peer, now: now)
            simulation.coverage.noteAnswer(reply, to: beacon)
            if let reply { simulation.send(.beaconReply(reply), from: .node(id), to: sender) }
        case (.beaconReply(let reply), .node(let peer)):
            // A session that is new covers nothing yet.
            if leases.receive(reply, from: peer, now: now) {
                simulation.coverage.note(.sessionLearnt)
                simulation.send(.beacon(leases.beacon(to: peer, now: now)), from: .node(id), to: sender)
            }
        case (.replica(let partition, let message), .node(let peer)):
            // The disk takes nothing new, except what only begins an epoch.
            if isFull, case .append(let append) = message,
                append.entries.contains(where: {
                    !$0.payload.isEmpty && $0.index > replicas[partition]?.lastIndex ?? 0
                })
            {
                return simulation.coverage.note(.appendRefused)
            }
            simulation.coverage.noteMessage(message)
            handle(.received(message, from: peer), in: partition)
        case (.snapshot(let partition, let machine, let configuration), .node):
            install(machine, configuration, in: partition)
        case (.map(let newer), .coordinator):
            membership.noteHeard()
            follow(newer)
        case (.beaten, .coordinator): membership.noteHeard()
        case (.relay, .node): membership.relay(packet)
        case (.relayed(let newer, for: let asker, run: let run), _):
            guard asker == id else { return membership.relay(packet) }
            guard run == self.run else { return }
            if newer.version > map.version { simulation.coverage.note(.mapRelayed) }
            follow(newer)
        case (.request(let request), _): serve(request, for: sender)
        case (.mail(let partition, let letters, let number), _): take(letters, number, from: sender, in: partition)
        case (.mailTaken(let partition, let receipts, let number), _):
            courier.receive(receipts, of: partition, number: number)
        case (.transfer(let partition, let successor), _): handle(.transfer(to: successor), in: partition)
        case (.exclude(let partition, let node), _): handle(.exclude(node), in: partition)
        default: break
        }
    }

    private func follow(_ newer: PartitionMap) {
        guard newer.version > map.version else { return }
        map = newer
        for (index, configuration) in newer.configurations.enumerated() {
            let partition = PartitionID(UInt16(index))
            handle(.configured(configuration), in: partition)
            handle(.learners(newer.learners[partition] ?? []), in: partition)
        }
        updateWants()
    }

    // MARK: Clients

    /// - Returns: whether the command is on its way through the log.
    func submit(_ command: SimulatedCommand, in partition: PartitionID) -> Bool {
        submit(command, in: partition, nil)
    }

    func submit(_ command: SimulatedCommand, in partition: PartitionID, _ waiting: Waiting?) -> Bool {
        guard !isFull, let replica = replicas[partition], mayRead(replica) else { return false }
        if replica.isBehind { simulation.coverage.note(.primaryBehind) }
        guard replica.mayWrite(now: now, leases: leases) else { return false }
        self.waiting[partition, default: [:]][replica.lastIndex + 1] = waiting
        handle(.submitted([command.encoded()]), in: partition)
        return true
    }

    func mayRead(_ replica: ReplicaState) -> Bool {
        guard isUp, let beginning = replica.beginning, let machine = machines[replica.partition] else { return false }
        return machine.applied >= beginning && replica.mayRead(now: now, leases: leases)
    }

    private func forget(_ partition: PartitionID) {
        for (_, waiting) in (waiting[partition] ?? [:]).sorted(by: { $0.key < $1.key }) {
            // Who sent letters sends them again.
            guard case .client(let request, let client) = waiting else { continue }
            simulation.coverage.note(.writeOfUnknownOutcome)
            answer(.unknown, to: request, client)
        }
        waiting[partition] = [:]
        courier.forget(partition)
    }

    // MARK: Effects

    func handle(_ event: ReplicaState.Event, in partition: PartitionID) {
        guard let effects = replicas[partition]?.handle(event, now: now, leases: leases) else { return }
        for effect in effects {
            simulation.coverage.noteEffect(effect)
            perform(effect, in: partition)
        }
    }

    private func perform(_ effect: ReplicaState.Effect, in partition: PartitionID) {
        switch effect {
        case .persist(let entries, let after, let ticket): persist(entries, after: after, ticket, in: partition)
        case .send(let message, let peer):
            simulation.send(.replica(partition, message), from: .node(id), to: .node(peer))
        case .commit(let index): apply(upTo: index, in: partition)
        case .learn(let configuration):
            if configuration.primary == id { simulation.coverage.note(.epochBegun) }
            if configuration.replicas.contains(id) { discarded.remove(partition) }
            simulation.trace { "\(self.id) learns partition \(partition) \(configuration)" }
            leases.learn(configuration, of: partition)
        case .propose(let configuration, let reason):
            let isFull = configuration.replicas.count >= simulation.settings.replicationFactor
            simulation.coverage.noteProposal(reason, by: replicas[partition], isFull: isFull)
            if reason == .admission { Harm.maybe(whileAdmitting: configuration, to: partition, by: id, in: simulation) }
            propose(configuration, for: partition)
        case .claim(let configuration, let primary):
            leases.beginClaim(of: partition, ending: configuration.epoch - 1, of: primary)
            guard !Harm.maybe(whileClaiming: configuration, of: partition, by: self, in: simulation) else { return }
            propose(configuration, for: partition)
        case .askForMap:
            membership.ask(.map(newerThan: map.version))
        case .readEntries(let first, let follower, let epoch):
            Harm.maybe(whileTeaching: follower, in: simulation)
            readEntries(from: first, for: follower, epoch, in: partition)
        case .sendSnapshot(let follower, let epoch):
            Harm.maybe(whileTeaching: follower, in: simulation)
            sendSnapshot(to: follower, epoch, of: partition)
        case .deposed: forget(partition)
        case .discard: discard(partition)
        // No disk here forgets what it has synced and says nothing: whoever lacks something has acknowledged what it had not.
        case .noteLoss: simulation.fail("\(id) partition \(partition) lacks what all members have acknowledged")
        case .forgetLoss: disk.lost.remove(partition)
        case .stop(let reason): simulation.fail("\(id) partition \(partition) stopped: \(reason)")
        }
    }

    private func propose(_ configuration: PartitionMap.Configuration, for partition: PartitionID) {
        simulation.trace { "\(self.id) proposes partition \(partition) \(configuration)" }
        if let lost = lostProposals[partition], lost.next == configuration, simulation.now < lost.end { return }
        Harm.maybe(whileChanging: partition, in: simulation)
        membership.ask(.propose(partition, configuration))
    }

    private func persist(
        _ entries: [ReplicatedEntry],
        after: LogIndex,
        _ ticket: UInt64,
        in partition: PartitionID
    ) {
        simulation.checker.noteWritten(entries, in: partition, by: id)
        if unapplied[partition]?.keys.contains(where: { $0 > after }) == true {
            simulation.coverage.note(.truncated)
            unapplied[partition] = unapplied[partition]?.filter { $0.key <= after }
        }
        for entry in entries {
            unapplied[partition, default: [:]][entry.index] = entry
        }
        guard !disk.hasFailed else { return }
        disk.write(entries, after: after, in: partition)
        tickets.append((disk.lastNumber, partition, ticket))
        sync()
    }

    private func sync() {
        guard !isSyncing, let last = tickets.last?.write else { return }
        isSyncing = true
        ticksOfSync = 0
        endSync(upTo: last, after: UInt64.random(in: 100...simulation.longestSync, using: &simulation.random))
    }

    private func endSync(upTo last: UInt64, after time: UInt64) {
        whenAwake(after: time, run) {
            guard self.simulation.now >= self.hungUntil || self.disk.hasFailed else {
                return self.endSync(upTo: last, after: SimulatedNode.tick)
            }
            self.isSyncing = false
            guard !self.disk.hasFailed else { return self.logFailed() }
            self.disk.sync(upTo: last)
            let synced = self.tickets.prefix { $0.write <= last }
            self.tickets.removeFirst(synced.count)
            var newest: [PartitionID: UInt64] = [:]
            for (_, partition, ticket) in synced {
                newest[partition] = ticket
            }
            for (partition, ticket) in newest.sorted(by: { $0.key < $1.key }) {
                self.handle(.persisted(ticket), in: partition)
            }
            self.sync()
        }
    }

    func logFailed() {
        tickets = []
        simulation.coverage.note(.failedLog)
        for partition in replicas.keys.sorted() {
            logFailed(in: partition)
        }
    }

    func logFailed(in partition: PartitionID) {
        handle(.logFailed, in: partition)
        forget(partition)
    }

    private func apply(upTo index: LogIndex, in partition: PartitionID) {
        while let applied = machines[partition]?.applied, applied < index {
            guard let entry = unapplied[partition]?.removeValue(forKey: applied + 1) else {
                return simulation.fail("\(id) partition \(partition): entry \(applied + 1) is missing")
            }
            guard
                let effects = machines[partition]?.apply(
                    entry,
                    destinations: simulation.partitions.filter { $0 != partition }
                ),
                let machine = machines[partition]
            else { return }
            simulation.coverage.noteMail(effects)
            simulation.checker.noteApplied(entry, machine.hash, effects, in: partition, by: id)
            if let waiting = waiting[partition]?.removeValue(forKey: entry.index) {
                simulation.checker.noteAcknowledged(entry.index, in: partition, now: simulation.now)
                if let configuration = replicas[partition]?.configuration {
                    simulation.checkDurability(of: entry, in: partition, configuration)
                }
                finish(waiting, machine, effects.result, in: partition)
            }
        }
    }

    private func finish(
        _ waiting: Waiting,
        _ machine: SimulatedMachine,
        _ result: ClientAnswer.Result?,
        in partition: PartitionID
    ) {
        switch waiting {
        case .client(let request, let client): answer(result ?? .unknown, to: request, client)
        case .sender(let sources, let number, let sender):
            let receipts = sources.map { machine.incoming.receipt(for: $0) }
            simulation.send(.mailTaken(partition, receipts, number: number), from: .node(id), to: sender)
        }
    }

    /// Writes the state of a partition out, and lets the log before it go.
    func flush(_ partition: PartitionID, trimsLog: Bool) {
        guard isUp, !disk.hasFailed, let machine = machines[partition], let replica = replicas[partition],
            machine.applied <= replica.durableIndex
        else { return }
        disk.store(machine, in: partition, trimsLog: trimsLog)
    }

    /// A snapshot takes the place of what there is.
    func replaceAll(of partition: PartitionID, with machine: SimulatedMachine) {
        disk.install(machine, epoch: machine.lastEpoch, in: partition)
        tickets.removeAll { $0.partition == partition }
        machines[partition] = machine.reopened()
        unapplied[partition] = [:]
    }
}
