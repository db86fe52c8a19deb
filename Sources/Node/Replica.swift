internal import DequeModule
internal import Log
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Partitions
internal import Placement
internal import Replication

/// One replica of a partition on this node: carries out what `ReplicaState` decides, and while it is the primary takes
/// commands and mail.
///
/// Confined to its host's event loop.
final class Replica {
    private(set) var partition: Partition
    private let host: PartitionHost
    private let limit: Int
    private(set) var state: ReplicaState
    private(set) lazy var mail = MailIntake(log: self, limit: limit)
    private(set) lazy var comparison = Comparison(replica: self, host: host)
    private(set) lazy var tails = TailDrain(replica: self, host: host)
    private(set) lazy var requests = Requests(replica: self, host: host, limit: limit)
    private(set) lazy var applier = EntryApplier(replica: self, host: host)
    /// What enters the log at the end of this turn of the loop.
    private var unsubmitted: [(entry: LogEntry, payload: [UInt8], origin: Origin)] = []
    /// What is being submitted, to be found again when it is to be persisted.
    private var submitting: [(entry: LogEntry, payload: [UInt8], origin: Origin)] = []
    private var isSubmitScheduled = false
    /// Gives entries their times and ids, while this is the primary and everything before is applied.
    private var stamp: EntryStamp?
    /// The beginning of the leadership in which this replica serves; nil where it does not.
    private var servingSince: LogIndex?
    private var deletionsUnderWay: Set<UserID> = []
    /// The last index that the log notes as committed.
    private var notedCommitted: LogIndex
    /// What the coordinator has said while a snapshot was being installed.
    private var held: [ReplicaState.Event] = []
    private(set) var failure: PartitionFailure?
    /// Whether the node has no part in the partition any more.
    private(set) var isClosed = false

    init(
        partition: Partition,
        state: ReplicaState,
        uncommitted: Deque<ReplicatedEntry>,
        host: PartitionHost,
        limit: Int
    )
        throws(PartitionFailure)
    {
        self.partition = partition
        self.state = state
        self.host = host
        self.limit = limit
        notedCommitted = partition.appliedIndex
        for entry in uncommitted {
            applier.append(
                UnappliedEntry(
                    epoch: entry.epoch,
                    index: entry.index,
                    entry: try entry.command(),
                    bytes: entry.payload.count,
                    origin: .own
                )
            )
        }
    }

    var unappliedCount: Int { applier.count + unsubmitted.count }
    /// What must be answered before the node ends.
    var waitingCount: Int { servingSince == nil ? 0 : unappliedCount + requests.waitingCount }

    // MARK: Serving

    /// Whether this replica may answer reads.
    var mayRead: Bool {
        guard failure == nil, let servingSince, servingSince == state.beginning else { return false }
        return state.mayRead(now: MonotonicClock.now(), leases: host.leases.table)
    }

    private var mayWrite: Bool {
        guard failure == nil, let servingSince, servingSince == state.beginning else { return false }
        return state.mayWrite(now: MonotonicClock.now(), leases: host.leases.table)
    }

    /// Whether this replica leads its partition, or is about to.
    var isPrimary: Bool { state.beginning != nil }
    /// Whether this replica leads its partition and has applied all that was there before it did.
    var isServing: Bool { servingSince != nil }

    /// Whether caches may be written to the store.
    var mayWriteLists: Bool { failure == nil && !isInstalling && !isClosed }

    var unavailability: Refusal? {
        failure.map { .unavailable("partition \(partition.id) has stopped: \($0)") }
    }

    /// Why nothing may enter the log now; nil where it may.
    var writeRefusal: RequestOutcome? {
        if applier.isStalled { return .refused(.unavailable("partition \(partition.id): the node's disk is full")) }
        if let refusal = unavailability ?? host.logRefusal { return .refused(refusal) }
        if mayWrite { return nil }
        return mayRead && state.isBehind
            ? .refused(.busy("partition \(partition.id): its replicas are behind")) : .notServed
    }

    private func beginServing() {
        guard servingSince == nil, failure == nil, let beginning = state.beginning, partition.appliedIndex >= beginning
        else { return }
        servingSince = beginning
        stamp = EntryStamp(continuing: partition)
        host.beganServing(partition.id, epoch: state.configuration.epoch)
        continueDeletions()
    }

    /// Nobody knows what becomes of what is in the log and not committed; what is, is answered when it is applied.
    private func endServing() {
        if isServing { host.endedServing(partition.id) }
        servingSince = nil
        stamp = nil
        deletionsUnderWay = []
        let unentered = unsubmitted
        unsubmitted = []
        applier.disownUncommitted()
        mail.giveUp()
        requests.abandon(unentered.map(\.origin), .notServed)
        requests.giveUpAll(.notServed)
    }

    // MARK: The protocol

    /// Lets the state machine take an event, and carries out what it decides.
    func handle(_ event: ReplicaState.Event) {
        guard !isClosed else { return }
        if isInstalling {
            switch event {
            case .configured, .learners:
                held.append(event)
                return
            case .logFailed: break
            default: return
            }
        }
        let leases = leases(for: event)
        let effects = state.handle(event, now: MonotonicClock.now(), leases: leases)
        for effect in effects {
            if failure == nil {
                perform(effect)
            } else {
                performStopped(effect)
            }
        }
    }

    /// The table by which an event is judged. A newer configuration ends what the node grants to others before it is read how
    /// long that lasts: the thread that answers beacons may promise more in between.
    private func leases(for event: ReplicaState.Event) -> LeaseTable {
        guard case .configured(let newer) = event, newer.epoch > state.configuration.epoch else {
            return host.leases.table
        }
        return host.leases.update { table in
            table.learn(newer, of: partition.id)
            return table
        }
    }

    /// To be called every so often: time has passed, and entries may have been applied.
    func tick() {
        handle(.applied(partition.appliedIndex))
        handle(.tick)
    }

    /// A replica that has stopped says so, until another one has its place.
    private func performStopped(_ effect: ReplicaState.Effect) {
        switch effect {
        case .send(.resigned, to: _), .learn: perform(effect)
        default: break
        }
    }

    /// Takes a message of another replica.
    func receive(_ message: ReplicaMessage, from sender: NodeID) {
        if case .append(let append) = message, isTooMuch(append) { return }
        handle(.received(message, from: sender))
    }

    /// Whether entries cannot be taken now. They will be sent again; a secondary that cannot take them for long is left out.
    private func isTooMuch(_ append: ReplicaMessage.Append) -> Bool {
        // What only begins an epoch is taken even where the disk is almost full: without it nobody could read.
        guard append.entries.contains(where: { !$0.payload.isEmpty && $0.index > state.lastIndex }) else {
            return false
        }
        return applier.isStalled || applier.isFull || host.logRefusal != nil
    }

    private func perform(_ effect: ReplicaState.Effect) {
        switch effect {
        case .persist(let entries, let after, let ticket): persist(entries, after: after, ticket: ticket)
        case .send(let message, let peer): host.send(message, of: partition.id, to: peer)
        case .commit: applier.moreIsCommitted()
        case .learn(let configuration): host.learn(configuration, of: partition.id)
        case .propose(let configuration, let reason):
            host.propose(configuration, for: partition.id, because: "\(reason)")
        case .claim(let configuration, let primary):
            host.leases.update {
                $0.beginClaim(of: partition.id, ending: configuration.epoch - 1, of: primary)
            }
            host.propose(configuration, for: partition.id, because: "claim")
        case .askForMap: host.askForMap()
        case .readEntries(let first, let follower, let epoch):
            host.readEntries(of: self, from: first, for: follower, epoch: epoch)
        case .sendSnapshot(let follower, let epoch): host.sendSnapshot(of: self, to: follower, epoch: epoch)
        case .deposed: endServing()
        case .discard: host.discard(self)
        case .noteLoss: noteLoss()
        case .forgetLoss: forgetLoss()
        case .stop(let reason): stop(.broken(reason))
        }
    }

    private func noteLoss() {
        host.resources.lostEntries.note(partition.id)
        host.resources.logger.critical(
            "this replica lacks what it had acknowledged: it is filled again, and the others serve",
            metadata: [
                "partition": "\(partition.id)", "epoch": "\(state.configuration.epoch)",
            ]
        )
    }

    private func forgetLoss() {
        // `Housekeeping` notes it.
        host.resources.lostEntries.forget(partition.id)
        host.resources.logger.notice(
            "nobody counts on what was lost",
            metadata: ["partition": "\(partition.id)", "epoch": "\(state.configuration.epoch)"]
        )
    }

    private func persist(_ entries: [ReplicatedEntry], after: LogIndex, ticket: UInt64) {
        let known = submitting
        submitting = []
        applier.truncate(behind: after)
        for (position, entry) in entries.enumerated() {
            // What this replica has just submitted need not be decoded again.
            var (command, origin): (LogEntry?, Origin) = (nil, .own)
            if known.count == entries.count {
                (command, origin) = (known[position].entry, known[position].origin)
            } else {
                do throws(PartitionFailure) {
                    command = try entry.command()
                } catch {
                    return stop(error)
                }
            }
            applier.append(
                UnappliedEntry(
                    epoch: entry.epoch,
                    index: entry.index,
                    entry: command,
                    bytes: entry.payload.count,
                    origin: origin
                )
            )
        }
        var records = entries.map {
            LogRecord(partition: partition.id, epoch: $0.epoch, index: $0.index, payload: $0.payload)
        }
        if let note = committedNote() { records.insert(note, at: 0) }
        host.append(records, of: partition.id, ticket: ticket)
    }

    /// What the log is to be told of the entries before, if that is something new: a restart applies them at once then.
    private func committedNote() -> LogRecord? {
        guard state.committed > notedCommitted else { return nil }
        notedCommitted = state.committed
        return .committed(partition.id, upTo: notedCommitted)
    }

    /// To be called now and then, so that an idle partition's last entries are noted as committed too.
    func noteCommitted() {
        guard failure == nil, !isInstalling, host.logRefusal == nil, let note = committedNote() else { return }
        host.append([note], of: partition.id, ticket: nil)
    }

    // MARK: Snapshots

    /// A snapshot is about to take the place of everything here: nothing is taken and nothing written meanwhile.
    private(set) var isInstalling = false

    /// Whether a snapshot brings this replica further, and takes nothing away that it has acknowledged.
    func mayInstall(_ page: SnapshotPage) -> Bool {
        failure == nil && !isInstalling && !applier.isStalled && state.mayInstall(page.index)
            && state.configuration.epoch == page.epoch && state.configuration.primary == page.sender
            && page.index > partition.appliedIndex
    }

    func beginInstalling() {
        isInstalling = true
        applier.truncate(behind: 0)
    }

    /// Whether nothing is waited for here that closing would lose: one that has stopped is looked at by an operator first.
    var mayBeClosed: Bool { failure == nil && !isInstalling && !isServing }

    /// For good: nothing is taken and nothing written any more. What was committed and is not applied here was done all the same.
    func close() {
        isClosed = true
        mail.giveUp()
        requests.abandon(applier.giveUp(), .refused(Requests.unknownOutcome))
        comparison.giveUp()
    }

    func install(_ partition: Partition) {
        guard failure == nil else { return }
        isInstalling = false
        self.partition = partition
        notedCommitted = partition.appliedIndex
        handle(.installed(index: partition.appliedIndex, epoch: partition.lastEpoch))
        for event in held {
            handle(event)
        }
        held = []
    }

    // MARK: The log

    /// Lets a command enter the log, at the end of this turn of the loop.
    func append(_ command: Command, _ origin: Origin) {
        guard let entry = stamp?.entry(command, now: host.clock.now()) else {
            return requests.abandon([origin], .notServed)
        }
        unsubmitted.append((entry, entry.encoded(), origin))
        guard !isSubmitScheduled else { return }
        isSubmitScheduled = true
        host.eventLoop.assumeIsolated().execute { self.submit() }
    }

    private func submit() {
        isSubmitScheduled = false
        guard !unsubmitted.isEmpty else { return }
        submitting = unsubmitted
        unsubmitted = []
        handle(.submitted(submitting.map(\.payload)))
        // Where they were not taken, they were not done.
        let untaken = submitting
        submitting = []
        requests.abandon(untaken.map(\.origin), .notServed)
    }

    /// The log holds everything up to a ticket durably.
    func becameDurable(_ ticket: UInt64) {
        handle(.persisted(ticket))
    }

    /// The log could not make its last entries durable: nobody knows whether they will be found after a restart. It
    /// takes nothing more; reads go on where nobody else takes this replica's place.
    func logFailed() {
        handle(.logFailed)
        applier.disownUncommitted()
    }

    /// Notes in the log how far destinations have taken this partition's letters.
    ///
    /// - Returns: false where the log takes nothing now.
    func trimOutbox(_ receipts: [MailReceipt]) -> Bool {
        guard writeRefusal == nil else { return false }
        append(.trimOutbox(receipts), .own)
        return true
    }

    // MARK: Applying

    /// All that is committed is applied.
    func caughtUp() {
        beginServing()
        continueDeletions()
    }

    /// Answers who waits for an entry that is applied.
    func finish(_ entry: UnappliedEntry, _ applied: Applied) {
        for settled in applied.settled {
            requests.release(settled)
        }
        switch (entry.origin, applied.outcome) {
        case (.write(let write), let outcome): requests.finish(write, outcome)
        case (.mail(let completion), .mailTaken(let receipts)): completion(receipts)
        case (.mail(let completion), _): completion(nil)
        case (.own, _): break
        }
        if case .continueDeletion(let user) = entry.entry?.command { deletionsUnderWay.remove(user) }
    }

    /// Takes up deletions that are not complete, those of earlier runs and primaries too.
    private func continueDeletions() {
        guard isServing else { return }
        for user in partition.pendingDeletions where !deletionsUnderWay.contains(user) {
            guard writeRefusal == nil else { return }
            deletionsUnderWay.insert(user)
            append(.continueDeletion(user), .own)
        }
    }

    // MARK: Stopping

    /// Runs something that may find the partition broken, and stops the partition then.
    func attempt<Value>(_ body: () throws(PartitionFailure) -> Value) -> Value? {
        do throws(PartitionFailure) {
            return try body()
        } catch {
            stop(error)
            return nil
        }
    }

    func stop(_ error: PartitionFailure) {
        guard failure == nil, !isClosed else { return }
        isInstalling = false
        failure = error
        host.partitionStopped(partition.id, error)
        // Not within this event: it may be one of the state machine's own effects.
        host.eventLoop.assumeIsolated().execute { self.handle(.logFailed) }
        let abandoned = applier.giveUp() + unsubmitted.map(\.origin)
        unsubmitted = []
        mail.giveUp()
        requests.abandon(abandoned, .refused(Requests.unknownOutcome))
        requests.giveUpAll(.refused(unavailability ?? .unavailable("partition \(partition.id) has stopped")))
        comparison.giveUp()
        servingSince = nil
    }
}

extension Replica: MailLog {
    var takesEntries: Bool { writeRefusal == nil }

    func receipt(for source: PartitionID) -> MailReceipt { partition.receipt(for: source) }
}
