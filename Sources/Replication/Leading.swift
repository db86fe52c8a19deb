internal import Model
internal import Placement

/// A primary: it orders the commands, waits for all members, and proposes who the members are.
extension ReplicaState {
    // MARK: The epoch's beginning

    /// - Parameter mayServeAtOnce: whether the primary before is known to serve no longer.
    mutating func beginLeading(mayServeAtOnce: Bool, now: MonotonicTime, leases: LeaseTable) {
        if isPrimary { effects.append(.deposed) }
        var followers: [NodeID: Leadership.Follower] = [:]
        for node in configuration.secondaries {
            followers[node] = Leadership.Follower(from: committed, now: now)
        }
        role = .primary(
            Leadership(
                beginning: log.last + 1,
                serveFrom: mayServeAtOnce ? now : leases.promiseEnd(for: partition),
                followers: followers
            )
        )
        // What was not committed is sent again behind it, under this epoch: all members agree then.
        append([[]], now: now)
    }

    /// The same primary under the next epoch, with other members.
    mutating func continueLeading(_ leadership: Leadership, now: MonotonicTime) {
        var leadership = leadership
        leadership.servesUntil = 0
        // Whom it was about to take in is a member, or was asked for in an epoch that is over.
        leadership.admission = nil
        for node in configuration.secondaries where leadership.followers[node] == nil {
            leadership.followers[node] = Leadership.Follower(from: committed, now: now)
        }
        leadership.followers = leadership.followers.filter { node, _ in
            configuration.secondaries.contains(node) || learners.contains(node)
        }
        for node in leadership.followers.keys where !configuration.secondaries.contains(node) {
            // A learner's word counts in its own epoch only: in the next one it may be no learner, and let go what it has.
            leadership.followers[node] = Leadership.Follower(from: committed, now: now)
        }
        for node in leadership.followers.keys {
            // They learn of the epoch by the next message. What is being read for them was asked for in another one.
            leadership.followers[node]?.lastSent = 0
            // An odd one is sent nothing before it has a snapshot; while it is a member yet, commits need it.
            let isRefilled = odd[node] != nil && !configuration.secondaries.contains(node)
            leadership.followers[node]?.isReading = isRefilled
            leadership.followers[node]?.isReceivingSnapshot = isRefilled
        }
        role = .primary(leadership)
        sendAll(now: now)
        if case .primary(let leadership) = role { advanceCommit(leadership) }
    }

    mutating func serveAtOnce(_ leadership: Leadership, now: MonotonicTime) {
        var leadership = leadership
        leadership.serveFrom = min(now, leadership.serveFrom)
        role = .primary(leadership)
    }

    // MARK: Entries

    mutating func submit(_ payloads: [[UInt8]], now: MonotonicTime) {
        guard case .primary(let leadership) = role, leadership.successor == nil, !hasLogFailed, !payloads.isEmpty else {
            return
        }
        append(payloads, now: now)
    }

    mutating func append(_ payloads: [[UInt8]], now: MonotonicTime) {
        let after = log.last
        let entries = payloads.enumerated().map { offset, payload in
            ReplicatedEntry(epoch: configuration.epoch, index: after + 1 + LogIndex(offset), payload: payload)
        }
        let ticket = log.append(entries)
        effects.append(.persist(entries, after: after, ticket: ticket))
        sendAll(now: now)
    }

    private mutating func sendAll(now: MonotonicTime) {
        guard case .primary(let leadership) = role else { return }
        for node in leadership.followers.keys.sorted() {
            send(to: node, now: now)
        }
    }

    /// Sends a follower what it lacks, as far as its window allows; without entries, that the primary is there.
    private mutating func send(to node: NodeID, now: MonotonicTime) {
        guard case .primary(var leadership) = role, var follower = leadership.followers[node], !follower.isReading
        else { return }
        let room = settings.window - min(settings.window, follower.inFlight)
        let limit = Int(min(room, UInt64(settings.entriesPerMessage)))
        guard let entries = log.entries(from: follower.next, limit: limit),
            let previousEpoch = log.epochs.epoch(at: follower.next - 1)
        else {
            follower.isReading = true
            leadership.followers[node] = follower
            role = .primary(leadership)
            return effects.append(.readEntries(from: follower.next, for: node, epoch: configuration.epoch))
        }
        guard !entries.isEmpty || now >= follower.lastSent + settings.times.retry else { return }
        let time = leadership.completeness(for: follower, now: now)
        effects.append(.send(message(entries, behind: follower.next - 1, previousEpoch, time), to: node))
        follower.next += LogIndex(entries.count)
        follower.lastSent = now
        leadership.followers[node] = follower
        role = .primary(leadership)
        if follower.next <= log.last, room > UInt64(limit) { send(to: node, now: now) }
    }

    private func message(
        _ entries: [ReplicatedEntry],
        behind previous: LogIndex,
        _ previousEpoch: UInt64,
        _ isCompleteAsOf: MonotonicTime = 0
    ) -> ReplicaMessage {
        .append(
            ReplicaMessage.Append(
                configuration: configuration,
                previousIndex: previous,
                previousEpoch: previousEpoch,
                committed: committed,
                isCompleteAsOf: isCompleteAsOf,
                entries: entries
            )
        )
    }

    /// Entries that were no longer in memory have been read from the log; none where the log no longer has them.
    mutating func sendRead(_ entries: [ReplicatedEntry], previousEpoch: UInt64, to node: NodeID, now: MonotonicTime) {
        guard case .primary(var leadership) = role, var follower = leadership.followers[node] else { return }
        guard let first = entries.first else {
            // One that may be a member already keeps what it has.
            guard !configuration.replicas.contains(node), proposal?.configuration.replicas.contains(node) != true else {
                leadership.followers[node]?.isReading = false
                role = .primary(leadership)
                return
            }
            leadership.followers[node]?.isReceivingSnapshot = true
            role = .primary(leadership)
            return effects.append(.sendSnapshot(to: node, epoch: configuration.epoch))
        }
        follower.isReading = false
        if first.index == follower.next {
            effects.append(.send(message(entries, behind: first.index - 1, previousEpoch), to: node))
            follower.next += LogIndex(entries.count)
            follower.lastSent = now
        }
        leadership.followers[node] = follower
        role = .primary(leadership)
    }

    // MARK: Answers

    mutating func take(_ answer: ReplicaMessage.Acknowledgement, from node: NodeID, now: MonotonicTime) {
        guard isOfThisEpoch(answer.epoch), case .primary(var leadership) = role,
            var follower = leadership.followers[node]
        else { return }
        // Nobody holds what there is not.
        guard answer.durable <= log.last else { return }
        follower.lastHeard = now
        // The newest to come: a clock begins anew with its machine, and an older time claims less.
        follower.lastClock = answer.sentAt
        follower.applied = answer.applied
        if answer.durable > follower.matched {
            follower.matched = answer.durable
            follower.lastProgress = now
        }
        follower.next = max(follower.next, follower.matched + 1)
        leadership.followers[node] = follower
        role = .primary(leadership)
        advanceCommit(leadership)
        send(to: node, now: now)
    }

    mutating func take(_ answer: ReplicaMessage.Mismatch, from node: NodeID, now: MonotonicTime) {
        if isOfThisEpoch(answer.epoch) { noteStanding(of: node, at: answer.last) }
        guard isOfThisEpoch(answer.epoch), case .primary(var leadership) = role,
            var follower = leadership.followers[node]
        else { return }
        // It names the beginning of an epoch, and may have acknowledged more: that is not lost. A member has all that is committed.
        let has = configuration.secondaries.contains(node) ? max(committed, follower.matched) : follower.matched
        let last = max(answer.last, has)
        guard last < follower.next else { return }
        follower.lastHeard = now
        guard last != follower.base else {
            // What comes behind that is on its way, or is sent again in time.
            leadership.followers[node] = follower
            role = .primary(leadership)
            return
        }
        follower.base = last
        follower.next = last + 1
        follower.lastSent = 0
        leadership.followers[node] = follower
        role = .primary(leadership)
        send(to: node, now: now)
    }

    /// A follower may stand anywhere: its next answer says where.
    mutating func probe(_ node: NodeID, now: MonotonicTime) {
        guard case .primary(var leadership) = role, leadership.followers[node] != nil else { return }
        leadership.followers[node] = Leadership.Follower(from: log.last, now: now)
        role = .primary(leadership)
        send(to: node, now: now)
    }

    /// An entry is committed when every member holds it durably, and whoever may be one before the answer is known.
    mutating func advanceCommit(_ leadership: Leadership) {
        let members = configuration.secondaries + (leadership.admission.map { [$0.learner] } ?? [])
        let everywhere = members.reduce(log.durable) { min($0, leadership.followers[$1]?.matched ?? 0) }
        commit(upTo: everywhere)
    }

    // MARK: Time

    mutating func lead(_ leadership: Leadership, now: MonotonicTime, leases: LeaseTable) {
        guard !hasLogFailed else { return resign(leadership, now: now) }
        noteServing(now: now, leases: leases)
        watchLog(now: now)
        sendAgain(now: now)
        guard proposal == nil, case .primary(let leadership) = role else { return }
        if let successor = leadership.successor, lost(leadership, now: now, leases: leases).isEmpty {
            return handOver(to: successor, leadership, now: now)
        }
        if changeMembers(leadership, now: now, leases: leases) { return }
        if leaveOutSurplus(leadership, now: now) { return }
        // Others that leave too have had the time to say so.
        if let leavingSince, mayWrite(now: now, leases: leases),
            let successor = successors(leadership, now: now).first,
            now >= (leadership.followers[successor]?.since ?? now) + settings.times.retry / 2,
            hasApplied(successor, leadership) || now >= leavingSince + settings.times.patienceWithSuccessor
        {
            return beginHandingOver(to: successor, leadership, now: now)
        }
        teach(now: now, leases: leases)
    }

    /// Only of a primary that serves is it true that what it knows to be committed is all that anybody was told.
    private mutating func noteServing(now: MonotonicTime, leases: LeaseTable) {
        guard case .primary(var leadership) = role else { return }
        let ends = configuration.secondaries.map { leases.leaseEnd(from: $0, for: partition) ?? 0 }
        let isKnown = proposal == nil && mayRead(now: now, leases: leases)
        leadership.servesUntil = isKnown ? ends.min() ?? 0 : 0
        role = .primary(leadership)
    }

    /// Sends again what was not acknowledged, and a sign of life where there is nothing to send.
    private mutating func sendAgain(now: MonotonicTime) {
        guard case .primary(var leadership) = role else { return }
        for node in leadership.followers.keys.sorted() {
            guard var follower = leadership.followers[node] else { continue }
            if follower.matched == log.last { follower.lastProgress = now }
            if now >= follower.lastSent + settings.times.retry { follower.goBack() }
            leadership.followers[node] = follower
        }
        role = .primary(leadership)
        sendAll(now: now)
    }

    /// A primary whose log has failed serves nothing more, and says so until another one has its place.
    private mutating func resign(_ leadership: Leadership, now: MonotonicTime) {
        guard now >= leadership.serveFrom else { return }
        for node in configuration.secondaries {
            effects.append(.send(.resigned(epoch: configuration.epoch), to: node))
        }
    }

    // MARK: Members

    /// Leaves out members that are gone or make no progress.
    ///
    /// - Returns: whether a change was asked for.
    private mutating func changeMembers(_ leadership: Leadership, now: MonotonicTime, leases: LeaseTable) -> Bool {
        let lost = lost(leadership, now: now, leases: leases)
        guard !lost.isEmpty else { return false }
        if leadership.successor != nil {
            // Nobody has been asked yet: it can be forgotten.
            var leadership = leadership
            leadership.successor = nil
            role = .primary(leadership)
        }
        var left = configuration.replicas.filter { !lost.contains($0) }
        if left.count < settings.minimumReplicas {
            // Those that only want to leave have to stay until others are back.
            left = configuration.replicas.filter { node in
                !lost.contains(node) || isLeavingOnly(node, leadership, now: now, leases: leases)
            }
        }
        guard left.count >= settings.minimumReplicas, left.count < configuration.replicas.count else { return false }
        propose(.removal, left, now: now)
        return true
    }

    /// Leaves out a member that is one too many, the last that came.
    ///
    /// - Returns: whether that was asked for.
    private mutating func leaveOutSurplus(_ leadership: Leadership, now: MonotonicTime) -> Bool {
        guard configuration.replicas.count > settings.replicationFactor, leadership.successor == nil,
            now >= configuredAt + settings.patienceWithSurplus
        else { return false }
        propose(.removal, Array(configuration.replicas.dropLast()), now: now)
        return true
    }

    private func lost(_ leadership: Leadership, now: MonotonicTime, leases: LeaseTable) -> [NodeID] {
        configuration.secondaries.filter { isLost($0, leadership, now: now, leases: leases) }
    }

    /// Whether a follower that is counted on holds everything up: it grants no lease, or acknowledges nothing.
    private func isLost(_ node: NodeID, _ leadership: Leadership, now: MonotonicTime, leases: LeaseTable) -> Bool {
        guard let follower = leadership.followers[node] else { return true }
        return now < follower.leavesUntil || isSilent(node, follower, now: now, leases: leases)
    }

    private func isLeavingOnly(
        _ node: NodeID,
        _ leadership: Leadership,
        now: MonotonicTime,
        leases: LeaseTable
    ) -> Bool {
        leadership.followers[node].map { !isSilent(node, $0, now: now, leases: leases) } ?? false
    }

    private func isSilent(
        _ node: NodeID,
        _ follower: Leadership.Follower,
        now: MonotonicTime,
        leases: LeaseTable
    ) -> Bool {
        let leaseEnd = max(leases.leaseEnd(from: node, for: partition) ?? 0, follower.since + settings.times.lease)
        return now >= leaseEnd || now >= follower.lastProgress + settings.times.acknowledgement
    }

    /// Brings learners up to the log's end, one after the other into the configuration.
    private mutating func teach(now: MonotonicTime, leases: LeaseTable) {
        guard case .primary(var leadership) = role else { return }
        let strangers = learners.filter { !configuration.replicas.contains($0) }
        leadership.followers = leadership.followers.filter { node, _ in
            configuration.secondaries.contains(node) || strangers.contains(node)
        }
        for node in strangers where leadership.followers[node] == nil {
            leadership.followers[node] = Leadership.Follower(from: committed, now: now)
        }
        if let admission = leadership.admission {
            let isLost = isLost(admission.learner, leadership, now: now, leases: leases)
            let isLearner = strangers.contains(admission.learner)
            let isReplaced = leadership.followers[admission.learner]?.isReceivingSnapshot ?? false
            // Nobody has been asked yet: it can be forgotten.
            if isLost || !isLearner || isReplaced {
                leadership.admission = nil
                advanceCommit(leadership)
            }
        }
        role = .primary(leadership)
        for node in strangers where odd[node] != nil {
            refill(node, now: now)
        }
        guard case .primary(let leadership) = role else { return }
        guard let admission = leadership.admission else { return beginAdmission(leadership, strangers, now: now) }
        let matched = leadership.followers[admission.learner]?.matched ?? 0
        let hasLease = leases.leaseEnd(from: admission.learner, for: partition).map { $0 > now } ?? false
        guard matched >= admission.from, hasLease else { return }
        propose(.admission, configuration.replicas + [admission.learner], now: now)
    }

    /// Commits need a learner's acknowledgement from before the coordinator is asked: the answer may be late.
    private mutating func beginAdmission(_ leadership: Leadership, _ strangers: [NodeID], now: MonotonicTime) {
        var leadership = leadership
        let ready = strangers.first { node in
            guard let follower = leadership.followers[node] else { return false }
            return !follower.isReceivingSnapshot && follower.matched + settings.window / 4 >= log.last
                && follower.lastHeard + 2 * settings.times.retry >= now
                // One that answers and acknowledges nothing would hold all commits up.
                && now < follower.lastProgress + settings.times.acknowledgement
        }
        guard let learner = ready else { return }
        leadership.followers[learner]?.since = now
        leadership.admission = Leadership.Admission(learner: learner, from: log.last)
        role = .primary(leadership)
    }

    /// A node that has no part in the partition any more keeps what it has until an epoch begins in which it has told nobody of it.
    ///
    /// - Parameter evenALearner: whether a learner's words are to be forgotten too: nothing else may be able to replace a member without
    ///   whose lease this primary does not serve.
    mutating func beginNextEpoch(
        for stranger: NodeID,
        evenALearner: Bool = false,
        now: MonotonicTime,
        leases: LeaseTable
    ) {
        guard evenALearner || mayWrite(now: now, leases: leases) && !learners.contains(stranger) else { return }
        // A snapshot on its way is of this epoch. Who has lost entries takes none.
        guard proposal == nil, !hasLogFailed, case .primary(let leadership) = role, leadership.successor == nil,
            !leadership.followers.contains(where: { $0.key != stranger && $0.value.isReceivingSnapshot })
        else { return }
        propose(.renewal, configuration.replicas, now: now)
    }

    // MARK: Handing over

    /// A secondary is about to end.
    mutating func noteLeaving(_ node: NodeID, now: MonotonicTime) {
        guard case .primary(var leadership) = role else { return }
        leadership.followers[node]?.leavesUntil = now + settings.times.acknowledgement
        role = .primary(leadership)
    }

    /// The secondaries that stay, those that have applied most first.
    func successors(_ leadership: Leadership, now: MonotonicTime) -> [NodeID] {
        configuration.secondaries.filter { (leadership.followers[$0]?.leavesUntil ?? now) < now }
            .sorted { (leadership.followers[$0]?.applied ?? 0) > (leadership.followers[$1]?.applied ?? 0) }
    }

    /// Whether a secondary could serve soon if it were the primary: it would serve nothing before it has applied its log.
    private func hasApplied(_ node: NodeID, _ leadership: Leadership) -> Bool {
        (leadership.followers[node]?.applied ?? 0) + settings.largestUnapplied >= log.last
    }

    /// Hands this primary's place over, where that is possible now: whoever wants it asks again.
    mutating func transfer(to successor: NodeID, now: MonotonicTime, leases: LeaseTable) {
        guard mayWrite(now: now, leases: leases), proposal == nil, configuration.secondaries.contains(successor),
            case .primary(let leadership) = role, hasApplied(successor, leadership)
        else { return }
        beginHandingOver(to: successor, leadership, now: now)
    }

    private mutating func beginHandingOver(to successor: NodeID, _ leadership: Leadership, now: MonotonicTime) {
        var leadership = leadership
        leadership.successor = successor
        // Nobody has been asked to take a learner in yet, and one that is gone would hold up what is to be committed first.
        leadership.admission = nil
        role = .primary(leadership)
        advanceCommit(leadership)
        handOver(to: successor, leadership, now: now)
    }

    /// Once all entries are committed it asks. It takes no more writes in this epoch: it cannot know that the answer is
    /// no until the epoch has passed.
    private mutating func handOver(to successor: NodeID, _ leadership: Leadership, now: MonotonicTime) {
        guard committed == log.last else { return }
        let others = configuration.replicas.filter { $0 != successor }
        propose(.transfer, [successor] + others, now: now)
    }
}
