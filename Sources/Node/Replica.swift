internal import DequeModule
internal import Log
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Partitions
internal import Placement
internal import Replication

/// One replica of a partition on this node: carries out what `ReplicaState` decides, applies what is committed, and while it
/// is the primary takes commands and mail.
///
/// Confined to its host's event loop.
final class Replica {
    /// How often a partition tries again to write to a full store.
    private static let storeRetry = TimeAmount.milliseconds(250)
    /// Entries whose effects are written to the store together.
    private static let largestBatch = 256
    /// Entries from which a secondary is far behind: should it become the primary, all of them must be applied first.
    private static let largestBacklog = 2_048
    /// Entries that a secondary may have to apply at all; more are not taken until it has.
    private static let largestUnapplied = 262_144
    private static let largestUnappliedBytes = 128 << 20

    private(set) var partition: Partition
    private let host: PartitionHost
    private let limit: Int
    private(set) var state: ReplicaState
    private(set) lazy var mail = MailIntake(replica: self, limit: limit)
    private(set) lazy var comparison = Comparison(replica: self, host: host)
    private(set) lazy var tails = TailDrain(replica: self, host: host)
    private(set) lazy var requests = Requests(replica: self, host: host, limit: limit)
    private var unapplied = UnappliedEntries()
    /// What enters the log at the end of this turn of the loop.
    private var unsubmitted: [(entry: LogEntry, payload: [UInt8], origin: Origin)] = []
    /// What is being submitted, to be found again when it is to be persisted.
    private var submitting: [(entry: LogEntry, payload: [UInt8], origin: Origin)] = []
    private var isSubmitScheduled = false
    /// Gives entries their times and ids, while this is the primary and everything before is applied.
    private var stamp: EntryStamp?
    /// The beginning of the leadership in which this replica serves; nil where it does not.
    private var servingSince: LogIndex?
    private var scheduled: Set<LoopTurns.Urgency> = []
    /// Entries that are applied to what is in memory, and not in the store.
    private var staged = UnappliedEntries()
    /// Whether the store has no space for them.
    private(set) var isStalled = false
    private var deletionsUnderWay: Set<UserID> = []
    /// The last index that the log notes as committed.
    private var notedCommitted: LogIndex
    /// What the coordinator has said while a snapshot was being installed.
    private var held: [ReplicaState.Event] = []
    private(set) var failure: PartitionFailure?

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
            unapplied.append(
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

    var unappliedCount: Int { unapplied.count + unsubmitted.count }
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

    /// Whether this replica leads its partition and has applied all that was there before it did.
    var isServing: Bool { servingSince != nil }

    /// Whether caches may be written to the store.
    var mayWriteLists: Bool { failure == nil && !isInstalling }

    var unavailability: Refusal? {
        failure.map { .unavailable("partition \(partition.id) has stopped: \($0)") }
    }

    /// Why nothing may enter the log now; nil where it may.
    var writeRefusal: RequestOutcome? {
        if isStalled { return .refused(.unavailable("partition \(partition.id): the node's disk is full")) }
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
        let waiting = staged.disown(behind: 0) + unapplied.disown(behind: state.committed)
        abandon(waiting, .refused(Requests.unknownOutcome))
        abandon(unentered.map(\.origin), .notServed)
        requests.giveUpAll(.notServed)
    }

    private func abandon(_ origins: some Sequence<Origin>, _ outcome: RequestOutcome) {
        for origin in origins {
            switch origin {
            case .write(let write): requests.answer(write, outcome)
            case .mail(let completion): completion(nil)
            case .own: break
            }
        }
    }

    // MARK: The protocol

    /// Lets the state machine take an event, and carries out what it decides.
    func handle(_ event: ReplicaState.Event) {
        if isInstalling {
            switch event {
            case .configured, .learners:
                held.append(event)
                return
            case .logFailed: break
            default: return
            }
        }
        let effects = state.handle(event, now: MonotonicClock.now(), leases: host.leases.table)
        for effect in effects {
            if failure == nil {
                perform(effect)
            } else {
                performStopped(effect)
            }
        }
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
        return isStalled || host.logRefusal != nil || unapplied.count >= Replica.largestUnapplied
            || unapplied.bytes >= Replica.largestUnappliedBytes
    }

    private func perform(_ effect: ReplicaState.Effect) {
        switch effect {
        case .persist(let entries, let after, let ticket): persist(entries, after: after, ticket: ticket)
        case .send(let message, let peer): host.send(message, of: partition.id, to: peer)
        case .commit: if isApplyingDue { scheduleApplying() }
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
        case .stop(let reason): stop(.broken(reason))
        }
    }

    private func persist(_ entries: [ReplicatedEntry], after: LogIndex, ticket: UInt64) {
        let known = submitting
        submitting = []
        abandon(unapplied.removeAll(behind: after), .refused(Requests.unknownOutcome))
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
            unapplied.append(
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
        failure == nil && !isInstalling && !isStalled && !state.isMember
            && state.configuration.epoch == page.epoch
            && state.configuration.primary == page.sender && page.index > partition.appliedIndex
            && page.index > state.committed && page.index >= state.acknowledged
    }

    func beginInstalling() {
        isInstalling = true
        abandon(unapplied.removeAll(behind: 0), .refused(Requests.unknownOutcome))
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
            return abandon([origin], .notServed)
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
        abandon(untaken.map(\.origin), .notServed)
    }

    /// The log holds everything up to a ticket durably.
    func becameDurable(_ ticket: UInt64) {
        handle(.persisted(ticket))
    }

    /// The log could not make its last entries durable: nobody knows whether they will be found after a restart. It
    /// takes nothing more; reads go on where nobody else takes this replica's place.
    func logFailed() {
        handle(.logFailed)
        abandon(unapplied.disown(behind: state.committed), .refused(Requests.unknownOutcome))
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

    private var isPrimary: Bool { state.beginning != nil }

    /// Whether what is committed is to be applied at once. Nobody waits for a secondary: many entries together cost it less.
    private var isApplyingDue: Bool {
        isPrimary || state.committed >= partition.appliedIndex + LogIndex(Replica.largestBatch)
    }

    /// Applies what nobody waits for, and takes up what could not enter the log. To be called now and then.
    func applyWaiting() {
        guard unapplied.first(upTo: state.committed) == nil else { return scheduleApplying() }
        guard failure == nil, !isInstalling, !isStalled else { return }
        beginServing()
        continueDeletions()
    }

    private func scheduleApplying() {
        let whenNobodyWaits: LoopTurns.Urgency = unapplied.count < Replica.largestBacklog ? .background : .behind
        let urgency = isPrimary ? .awaited : whenNobodyWaits
        // What waits as a secondary's does not hold up a primary.
        guard !scheduled.contains(where: { $0.rawValue <= urgency.rawValue }) else { return }
        scheduled.insert(urgency)
        host.turns.add(urgency) { end in
            self.scheduled.remove(urgency)
            self.applyCommitted(until: end)
        }
    }

    /// Applies what is committed, for as long as that may take.
    private func applyCommitted(until end: NIODeadline) {
        guard failure == nil, !isInstalling, !isStalled else { return }
        while let next = unapplied.first(upTo: state.committed) {
            if NIODeadline.now() >= end {
                if commitStaged() { scheduleApplying() }
                return
            }
            if staged.count == Replica.largestBatch || !partition.takes(next.entry) {
                guard commitStaged() else { return }
                // Answers may have changed what is next.
                continue
            }
            unapplied.removeFirst()
            staged.append(next)
            let isStaged: Void? = attempt { () throws(PartitionFailure) in
                try partition.stage(next.entry, at: next.index, epoch: next.epoch)
            }
            guard isStaged != nil else { return }
            comparison.noteApplied()
        }
        guard commitStaged() else { return }
        beginServing()
        continueDeletions()
    }

    /// Writes what is staged to the store, and answers what each entry came to.
    ///
    /// - Returns: false where it has no effect yet: the store is full, or the partition has stopped.
    private func commitStaged() -> Bool {
        let all: [Applied]
        do throws(PartitionFailure) {
            all = try partition.commit()
        } catch {
            if error.isOutOfSpace {
                stall(error)
            } else {
                stop(error)
            }
            return false
        }
        let entries = staged
        staged.removeAll()
        guard all.count == entries.count else {
            abandon(entries.origins, .refused(Requests.unknownOutcome))
            stop(.broken("\(entries.count) entries came to \(all.count) outcomes"))
            return false
        }
        for (entry, applied) in zip(entries, all) {
            finish(entry, applied)
        }
        return failure == nil
    }

    private func finish(_ entry: UnappliedEntry, _ applied: Applied) {
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

    /// The store has no space for what is staged. It and what is behind it will take effect when there is space again;
    /// nobody is kept waiting for that, least of all reads behind them.
    private func stall(_ error: PartitionFailure) {
        isStalled = true
        let waiting = staged.releaseWriters() + unapplied.releaseWriters()
        host.storeIsFull(error.description, for: partition.id)
        host.eventLoop.assumeIsolated().scheduleTask(in: Replica.storeRetry) { self.resumeStalled() }
        for write in waiting {
            requests.answer(write, .refused(Requests.unknownOutcome))
        }
    }

    /// Tries again to write what the store had no space for.
    private func resumeStalled() {
        guard failure == nil, !isInstalling, isStalled else { return }
        isStalled = false
        guard commitStaged() else { return }
        host.storeIsFull(nil, for: partition.id)
        scheduleApplying()
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
        guard failure == nil else { return }
        isInstalling = false
        failure = error
        host.partitionStopped(partition.id, error)
        // Not within this event: it may be one of the state machine's own effects.
        host.eventLoop.assumeIsolated().execute { self.handle(.logFailed) }
        if isStalled { host.storeIsFull(nil, for: partition.id) }
        let abandoned = staged.origins + unapplied.origins + unsubmitted.map(\.origin)
        staged.removeAll()
        isStalled = false
        unapplied.removeAll()
        unsubmitted = []
        abandon(abandoned, .refused(Requests.unknownOutcome))
        requests.giveUpAll(.refused(unavailability ?? .unavailable("partition \(partition.id) has stopped")))
        comparison.giveUp()
        servingSince = nil
    }
}
