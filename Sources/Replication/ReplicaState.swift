package import Model
package import Placement

/// One replica of a partition: PacificA's rules (Lin, Yang, Zhang, Zhou: PacificA, Microsoft Research MSR-TR-2008-25)
/// as a pure state machine. `docs/replication.md` says what they are and why.
///
/// It keeps no time, reads no disk and sends nothing: whoever runs it carries out the effects, in order.
package struct ReplicaState {
    package enum Event {
        /// A configuration from the coordinator, asked for after this run began.
        case configured(PartitionMap.Configuration)
        /// The nodes that are to become members.
        case learners([NodeID])
        /// Commands for the log, while `mayWrite`.
        case submitted([[UInt8]])
        /// What `persist` gave to the log is durable up to this ticket.
        case persisted(UInt64)
        /// The replica has applied its log up to here. To be told now and then.
        case applied(LogIndex)
        /// The log takes nothing more, for good.
        case logFailed
        case received(ReplicaMessage, from: NodeID)
        /// What `readEntries` asked for; empty where the log no longer has it.
        case read([ReplicatedEntry], previousEpoch: UInt64, for: NodeID, epoch: UInt64)
        /// `sendSnapshot` has ended, well or not.
        case snapshotEnded(for: NodeID, epoch: UInt64)
        /// A snapshot has taken the place of this replica's log and state.
        case installed(index: LogIndex, epoch: UInt64)
        /// A planned handover.
        case transfer(to: NodeID)
        /// A secondary is not wanted any more.
        case exclude(NodeID)
        /// A secondary's state differs from that of all others.
        case rebuild(NodeID)
        /// Whether the node is about to end, or takes nothing now: others are to do without it.
        case leave(Bool)
        case tick
    }

    package enum Effect: Equatable {
        /// Write entries behind `after`, instead of what was there.
        case persist([ReplicatedEntry], after: LogIndex, ticket: UInt64)
        case send(ReplicaMessage, to: NodeID)
        /// Apply the log up to here.
        case commit(upTo: LogIndex)
        /// Tell the lease table of a newer configuration.
        case learn(PartitionMap.Configuration)
        /// Ask the coordinator for a configuration, if the epoch is still the one before.
        case propose(PartitionMap.Configuration, Proposal.Reason)
        /// The same, after the grant to the primary has ended.
        case claim(PartitionMap.Configuration, from: NodeID)
        /// Somebody knows of a newer configuration: ask the coordinator.
        case askForMap
        /// Answered with the epoch: what was read in another one is not sent.
        case readEntries(from: LogIndex, for: NodeID, epoch: UInt64)
        case sendSnapshot(to: NodeID, epoch: UInt64)
        /// This replica is primary no longer: nobody knows what becomes of entries that are not committed.
        case deposed
        /// Nobody counts on what this replica has: let it go, and the replica with it.
        case discard
        /// Entries that this replica has acknowledged are gone: to be noted, like those that damage has taken. Before that is durable a
        /// run that ends finds it again.
        case noteLoss
        /// Nobody counts any more on what this replica had acknowledged and lost: it is like any other from now on. What is noted of
        /// it may go when there is time: a run that finds the note again only asks to be left out once more.
        case forgetLoss
        /// An invariant of ours is broken: the partition must not go on here.
        case stop(String)
    }

    enum Role {
        /// No member; perhaps a learner.
        case stranger
        /// Named as primary by an epoch that an earlier run of this node may have used.
        case renewing
        case secondary
        case primary(Leadership)
    }

    package let node: NodeID
    package let partition: PartitionID
    let settings: ReplicationSettings
    package private(set) var configuration: PartitionMap.Configuration
    var log: ReplicaLog
    var role = Role.stranger
    var proposal: Proposal?
    var learners: [NodeID] = []
    /// All members of the configuration hold the log up to here.
    package internal(set) var committed: LogIndex
    /// The same as in the log of this epoch's primary up to here.
    var matched: LogIndex
    /// How far the log is known to be applied here.
    var applied: LogIndex
    /// How far the primary says that the log is committed.
    var announced: LogIndex = 0
    /// The last epoch whose primary has said that it serves no longer.
    var resignedEpoch: UInt64 = 0
    /// The last epoch whose primary has said that it never serves in it, and nothing of primaries before.
    var vacatedEpoch: UInt64 = 0
    package internal(set) var hasLogFailed = false
    /// Whether entries are gone that an earlier run has acknowledged. Whoever counts on them must not: until an epoch begins in
    /// which nobody does, this replica acknowledges nothing and never leads, whatever the configuration says.
    package internal(set) var hasLostEntries: Bool
    /// Since when others are to do without this replica.
    private(set) var leavingSince: MonotonicTime?
    package private(set) var failure: String?
    /// When this replica learnt of its configuration.
    private(set) var configuredAt: MonotonicTime = 0
    /// The first epoch that this run has learnt: an earlier run may have used it.
    private(set) var firstEpoch: UInt64?
    /// In which the log was found to have more than the entry with which it began; 0 where there is none. Its primary has appended the
    /// rest when no earlier one could serve any more.
    private let servedEpoch: UInt64
    /// The last epoch whose primary this run has told what it holds.
    var answeredEpoch: UInt64 = 0
    /// Since when others have all the places that there are: one that was not heard of for a moment is named again soon.
    var dispensableSince: MonotonicTime?
    /// When it last asked to be done without.
    var askedAt: MonotonicTime = 0
    /// While this is the primary: the nodes that must begin anew before they are members again.
    var odd: [NodeID: Refilling] = [:]
    /// How far behind the primary this secondary is at most.
    var freshness = Freshness()
    var effects: [Effect] = []

    /// - Parameters:
    ///   - log: what was found, all of it durable.
    ///   - committed: how far it is known to be committed: what the store has applied.
    ///   - hasLostEntries: whether entries may be missing that an earlier run has acknowledged.
    package init(
        node: NodeID,
        partition: PartitionID,
        settings: ReplicationSettings,
        log: EpochTable,
        committed: LogIndex,
        hasLostEntries: Bool = false
    ) {
        self.node = node
        self.partition = partition
        self.settings = settings
        self.log = ReplicaLog(epochs: log, largestRecentBytes: settings.recentBytes)
        self.committed = committed
        self.hasLostEntries = hasLostEntries
        servedEpoch = log.hasGoneOn ? log.lastEpoch : 0
        matched = committed
        applied = committed
        configuration = PartitionMap.Configuration(epoch: 0, primary: nil, secondaries: [])
    }

    package mutating func handle(_ event: Event, now: MonotonicTime, leases: LeaseTable) -> [Effect] {
        guard failure == nil else { return [] }
        switch event {
        case .configured(let newer):
            if firstEpoch == nil { firstEpoch = newer.epoch }
            adopt(newer, now: now, leases: leases)
        case .learners(let nodes): learners = nodes
        case .submitted(let payloads): submit(payloads, now: now)
        case .persisted(let ticket): persisted(ticket, now: now)
        case .applied(let index): applied = index
        case .logFailed: noteLogFailure()
        case .received(let message, let sender): receive(message, from: sender, now: now, leases: leases)
        case .read(let entries, let previousEpoch, let follower, let epoch):
            guard isOfThisEpoch(epoch) else { break }
            sendRead(entries, previousEpoch: previousEpoch, to: follower, now: now)
        case .snapshotEnded(let follower, let epoch):
            if isOfThisEpoch(epoch), !noteRefilled(follower, now: now) { probe(follower, now: now) }
        case .installed(let index, let epoch): install(index: index, epoch: epoch)
        case .exclude(let node): noteLeaving(node, now: now)
        case .rebuild(let node): rebuild(node, now: now)
        case .leave(let isLeaving): leavingSince = isLeaving ? leavingSince ?? now : nil
        case .transfer(let successor): transfer(to: successor, now: now, leases: leases)
        case .tick: tick(now: now, leases: leases)
        }
        defer { effects = [] }
        return effects
    }

    // MARK: Questions

    package var lastIndex: LogIndex { log.last }
    /// Whether others are to do without this replica.
    package var isLeaving: Bool { leavingSince != nil }
    /// With which index each epoch begins in the log.
    package var epochs: EpochTable { log.epochs }
    /// Whether a member is not known to hold an entry. Only this replica's log can give it what it lacks: a snapshot would take from
    /// a member what it has acknowledged.
    package func isAwaited(_ index: LogIndex, by node: NodeID, epoch: UInt64) -> Bool {
        guard isOfThisEpoch(epoch), case .primary(let leadership) = role, configuration.secondaries.contains(node)
        else { return false }
        return max(committed, leadership.followers[node]?.matched ?? 0) < index
    }
    /// Whether others can do without this replica: another one has its place, or there are too few to change that.
    package func mayLeave(now: MonotonicTime) -> Bool {
        switch role {
        case .stranger, .renewing: true
        case .secondary: configuration.replicas.count <= settings.minimumReplicas
        case .primary(let leadership): successors(leadership, now: now).isEmpty
        }
    }
    /// Whether this node is a member of the configuration that it knows.
    package var isMember: Bool { configuration.replicas.contains(node) }
    /// What this replica has said to hold in this epoch, as a follower.
    package var acknowledged: LogIndex { min(log.durable, matched) }
    package var durableIndex: LogIndex { log.durable }
    package var isPrimary: Bool { if case .primary = role { true } else { false } }
    /// Whether so much is not committed that nothing more is taken.
    package var isBehind: Bool { log.last - min(log.last, committed) >= settings.largestUncommitted }

    /// The entry that must be applied before anything is read here; nil where this is no primary.
    package var beginning: LogIndex? {
        if case .primary(let leadership) = role { leadership.beginning } else { nil }
    }

    /// The nodes whose leases this replica wants, to serve now or when the next one is a member.
    package var grantors: [NodeID] {
        guard failure == nil, !hasLogFailed, case .primary(let leadership) = role else { return [] }
        return configuration.secondaries + (leadership.admission.map { [$0.learner] } ?? [])
    }

    /// Whether this replica may take writes. What it takes may still come to nothing, if it is deposed.
    package func mayWrite(now: MonotonicTime, leases: LeaseTable) -> Bool {
        guard case .primary(let leadership) = role, leadership.successor == nil, !isBehind, !hasLogFailed else {
            return false
        }
        return mayRead(now: now, leases: leases)
    }

    /// Whether this replica may answer reads: to be asked *after* a read, before it is answered. It must have applied
    /// its `beginning`.
    ///
    /// A primary that hands its place over reads on: its successor waits for its leases, or for its word that it stopped.
    package func mayRead(now: MonotonicTime, leases: LeaseTable) -> Bool {
        guard failure == nil, case .primary(let leadership) = role, committed >= leadership.beginning,
            now >= leadership.serveFrom
        else { return false }
        // Whether a proposal has been granted is not known before its answer.
        let others = configuration.secondaries + (proposal?.configuration.secondaries ?? [])
        // One whose log has failed leaves its place to others, where there are others.
        guard !hasLogFailed || others.isEmpty else { return false }
        return others.allSatisfy { grantor in
            grantor == node || (leases.leaseEnd(from: grantor, for: partition).map { $0 > now } ?? false)
        }
    }

    /// Whether this replica may answer reads that need not see the newest: a secondary that is behind by no more than
    /// `ReplicationTimes.staleness`.
    ///
    /// - Parameter applied: the last entry that what is read has.
    package func mayReadBehind(applied: LogIndex, now: MonotonicTime) -> Bool {
        guard failure == nil, case .secondary = role else { return false }
        return freshness.isFresh(applied: applied, now: now, within: settings.times.staleness)
    }

    // MARK: Configurations

    func isOfThisEpoch(_ epoch: UInt64) -> Bool { epoch == configuration.epoch }

    /// Whether anything may be believed: before this run has asked the coordinator, it does not know which epochs are
    /// its own.
    var isAwake: Bool { firstEpoch != nil }

    mutating func adopt(_ newer: PartitionMap.Configuration, now: MonotonicTime, leases: LeaseTable) {
        guard newer.epoch > configuration.epoch else { return }
        let previous = configuration
        configuration = newer
        configuredAt = now
        proposal = nil
        matched = committed
        announced = 0
        freshness = Freshness()
        beginRefillingAgain()
        effects.append(.learn(newer))
        guard !countsOnWhatIsLost(newer) else {
            role = .stranger
            return sayThatEntriesAreLost()
        }
        guard newer.primary == node else {
            odd = [:]
            return follow(previous.epoch, now: now)
        }
        guard newer.epoch != firstEpoch else {
            role = .renewing
            return
        }
        if case .primary(let leadership) = role, previous.epoch + 1 == newer.epoch {
            continueLeading(leadership, now: now)
        } else {
            beginLeading(mayServeAtOnce: isAlone(in: newer, after: previous), now: now, leases: leases)
        }
    }

    /// Whether no earlier primary can still serve, whatever was promised to it.
    private func isAlone(in epoch: PartitionMap.Configuration, after previous: PartitionMap.Configuration) -> Bool {
        // It has said so; or there was none; or there are no copies that it could serve from.
        resignedEpoch + 1 == epoch.epoch || firstEpoch == 1 && epoch.epoch == 2
            || settings.minimumReplicas == 1 && epoch.secondaries.isEmpty
            || hasServed(in: previous) && previous.epoch + 1 == epoch.epoch
    }

    /// Whether it was an earlier run of this node that served last. It has ended, and nobody promises anything to the primaries
    /// before it since then.
    private func hasServed(in previous: PartitionMap.Configuration) -> Bool {
        previous.primary == node && previous.epoch == firstEpoch && previous.epoch == servedEpoch
    }

    private mutating func follow(_ ended: UInt64, now: MonotonicTime) {
        if case .primary(let leadership) = role {
            effects.append(.deposed)
            // A successor need not wait for leases of a primary that says itself that it has stopped. One that was
            // waiting for its predecessor's cannot say so.
            if let successor = configuration.primary, now >= leadership.serveFrom {
                effects.append(.send(.resigned(epoch: ended), to: successor))
            }
        }
        role = configuration.secondaries.contains(node) ? .secondary : .stranger
    }

    /// Asks the coordinator, again and again until the epoch says that something was decided.
    mutating func propose(_ reason: Proposal.Reason, _ replicas: [NodeID], now: MonotonicTime) {
        // Whether it is granted is not known before the answer: others may serve from then on.
        if case .primary(var leadership) = role {
            leadership.servesUntil = 0
            role = .primary(leadership)
        }
        let next = configuration.next(replicas)
        proposal = Proposal(configuration: next, reason: reason, sentAt: now)
        if reason == .claim, let primary = configuration.primary {
            effects.append(.claim(next, from: primary))
        } else {
            effects.append(.propose(next, reason))
        }
    }

    private mutating func repeatProposal(now: MonotonicTime) {
        guard let asked = proposal, now >= asked.sentAt + settings.times.retry else { return }
        proposal?.sentAt = now
        effects.append(.propose(asked.configuration, asked.reason))
    }

    // MARK: Time and messages

    private mutating func tick(now: MonotonicTime, leases: LeaseTable) {
        guard isAwake else { return }
        repeatProposal(now: now)
        switch role {
        case .stranger where hasLostEntries:
            guard now >= askedAt + settings.times.retry else { break }
            askedAt = now
            sayThatEntriesAreLost()
        case .stranger: letGo(now: now)
        case .renewing:
            if proposal == nil, !hasLogFailed { propose(.renewal, configuration.replicas, now: now) }
        case .secondary:
            if isLeaving { sayThatItLeaves() }
            claimIfPrimaryIsGone(now: now, leases: leases)
        case .primary(let leadership): lead(leadership, now: now, leases: leases)
        }
    }

    private mutating func receive(
        _ message: ReplicaMessage,
        from sender: NodeID,
        now: MonotonicTime,
        leases: LeaseTable
    ) {
        guard isAwake else { return }
        switch message {
        case .append(let append): take(append, from: sender, now: now, leases: leases)
        case .acknowledge(let acknowledgement): take(acknowledgement, from: sender, now: now)
        case .mismatch(let mismatch): take(mismatch, from: sender, now: now)
        case .stale(let epoch):
            if epoch > configuration.epoch { effects.append(.askForMap) }
        case .resigned(let epoch): takeResignation(of: epoch, from: sender, now: now)
        case .leaving(let epoch):
            guard isOfThisEpoch(epoch) else { break }
            if configuration.replicas.contains(sender) {
                noteLeaving(sender, now: now)
            } else {
                beginNextEpoch(for: sender, now: now, leases: leases)
            }
        case .lost(let epoch):
            guard isOfThisEpoch(epoch) else { break }
            noteLoss(of: sender, now: now, leases: leases)
        }
    }

    private mutating func noteLogFailure() {
        hasLogFailed = true
        guard case .primary(var leadership) = role else { return }
        leadership.servesUntil = 0
        role = .primary(leadership)
    }

    private mutating func persisted(_ ticket: UInt64, now: MonotonicTime) {
        log.persisted(ticket)
        if case .primary(let leadership) = role {
            advanceCommit(leadership)
        } else if isMember || answeredEpoch == configuration.epoch {
            // A primary that has asked nothing is told nothing: it may have nothing to do with this replica any more.
            acknowledge(now: now)
        }
    }

    mutating func commit(upTo index: LogIndex) {
        guard index > committed else { return }
        committed = index
        effects.append(.commit(upTo: index))
    }

    mutating func stop(_ reason: String) {
        failure = reason
        effects.append(.stop(reason))
    }
}
