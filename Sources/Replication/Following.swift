package import Model
internal import Placement

/// A replica that is not the primary: it takes what the primary sends, and its place when it is gone.
extension ReplicaState {
    mutating func take(
        _ append: ReplicaMessage.Append,
        from sender: NodeID,
        now: MonotonicTime,
        leases: LeaseTable
    ) {
        guard append.configuration.epoch >= configuration.epoch else {
            return effects.append(.send(.stale(epoch: configuration.epoch), to: sender))
        }
        guard sender == append.configuration.primary, sender != node else { return }
        adopt(append.configuration, now: now, leases: leases)
        guard sender == configuration.primary, !hasLogFailed, !hasLostEntries else { return }
        // What is committed every member has had.
        if configuration.secondaries.contains(node), append.committed > log.last { return noteOwnLoss() }
        if isCommittedOtherwise(append.previousIndex, append.previousEpoch) {
            return stop("entry \(append.previousIndex) is committed with another epoch than \(append.previousEpoch)")
        }
        guard agrees(at: append.previousIndex, epoch: append.previousEpoch) else {
            let last =
                append.previousIndex > log.last
                ? log.last : max(committed, log.epochs.indexBeforeEpoch(at: append.previousIndex))
            return sayWhereItStands(last, to: sender)
        }
        guard store(append.entries) else { return }
        matched = max(matched, append.previousIndex + LogIndex(append.entries.count))
        announced = max(announced, append.committed)
        acknowledge(now: now)
        // Its own clock's time, which comes back: nothing is said of a time that is not over.
        guard append.isCompleteAsOf <= now, committed >= append.committed else { return }
        freshness.note(append.committed, isCompleteAsOf: append.isCompleteAsOf, within: settings.times.staleness)
    }

    /// Whether both logs are the same up to an index.
    private func agrees(at index: LogIndex, epoch: UInt64) -> Bool {
        index <= committed || log.epochs.epoch(at: index) == epoch
    }

    /// Puts entries into the log, in the place of others that no longer count: those of a primary that was deposed
    /// before all members had them.
    ///
    /// - Returns: false where that would take a committed entry away; the replica has stopped then.
    private mutating func store(_ entries: [ReplicatedEntry]) -> Bool {
        let fresh = entries.drop { entry in
            entry.index <= committed || log.epochs.epoch(at: entry.index) == entry.epoch
        }
        if let other = entries.first(where: { isCommittedOtherwise($0.index, $0.epoch) }) {
            stop("entry \(other.index) of epoch \(other.epoch) is committed with another epoch")
            return false
        }
        guard let first = fresh.first else { return true }
        guard first.index > committed, first.index <= log.last + 1 else {
            stop("entry \(first.index) of epoch \(first.epoch) behind \(log.last), committed \(committed)")
            return false
        }
        log.truncate(after: first.index - 1)
        let ticket = log.append(fresh)
        effects.append(.persist(Array(fresh), after: first.index - 1, ticket: ticket))
        return true
    }

    /// Whether this replica has applied another entry at an index than a primary has there, as one may that comes back ahead of a
    /// primary whom an operator has forced. Where the table does not know the index, the entry cannot be of a later epoch
    /// than what was committed behind it.
    private func isCommittedOtherwise(_ index: LogIndex, _ epoch: UInt64) -> Bool {
        guard index <= committed else { return false }
        if let known = log.epochs.epoch(at: index) { return known != epoch }
        return log.epochs.epoch(at: committed).map { epoch > $0 } ?? false
    }

    /// Tells the primary what is durable here, and applies what all members are known to have.
    mutating func acknowledge(now: MonotonicTime) {
        guard let primary = configuration.primary, primary != node, isAwake, !hasLostEntries else { return }
        let durable = min(log.durable, matched)
        answeredEpoch = configuration.epoch
        let answer = ReplicaMessage.Acknowledgement(
            epoch: configuration.epoch,
            durable: durable,
            applied: applied,
            sentAt: now
        )
        effects.append(.send(.acknowledge(answer), to: primary))
        commit(upTo: min(announced, durable))
    }

    /// Whether a snapshot as of an entry brings this replica further, and takes nothing away that it has acknowledged: a member
    /// holds all that it has acknowledged, and a learner what its primary counts on.
    package func mayInstall(_ index: LogIndex) -> Bool {
        guard case .stranger = role, !hasLostEntries else { return false }
        return index > committed && index >= acknowledged
    }

    mutating func install(index: LogIndex, epoch: UInt64) {
        guard mayInstall(index), let primary = configuration.primary else { return }
        log.restart(behind: index, epoch: epoch)
        committed = index
        matched = index
        applied = index
        sayWhereItStands(index, to: primary)
    }

    private mutating func sayWhereItStands(_ last: LogIndex, to primary: NodeID) {
        answeredEpoch = configuration.epoch
        effects.append(.send(.mismatch(.init(epoch: configuration.epoch, last: last)), to: primary))
    }

    // MARK: Leaving

    /// A node that has no part in a partition any more lets go what it has of it, when nobody can count on that any more: not in an
    /// epoch in which it may have told the primary what it holds, so it asks for another one.
    mutating func letGo(now: MonotonicTime) {
        guard let firstEpoch, !learners.contains(node),
            configuration.isComplete(without: node, factor: settings.replicationFactor)
        else {
            dispensableSince = nil
            return
        }
        let since = dispensableSince ?? now
        dispensableSince = since
        guard now >= since + settings.times.patienceWithDispensable else { return }
        if configuration.epoch > max(firstEpoch, answeredEpoch) { return effects.append(.discard) }
        guard log.last > 0, now >= askedAt + settings.times.acknowledgement else { return }
        askedAt = now
        sayThatItLeaves()
    }

    /// Asks the primary to do without this replica.
    mutating func sayThatItLeaves() {
        guard let primary = configuration.primary else { return }
        effects.append(.send(.leaving(epoch: configuration.epoch), to: primary))
    }

    // MARK: Taking the primary's place

    /// A secondary claims the place of a primary that it has not heard of for the grace period.
    mutating func claimIfPrimaryIsGone(now: MonotonicTime, leases: LeaseTable) {
        guard proposal == nil, !hasLogFailed, let primary = configuration.primary else { return }
        let hasResigned = [resignedEpoch, vacatedEpoch].contains(configuration.epoch)
        // A primary that is new to its place has a grace period to be heard of.
        let graceEnd = max(leases.graceEnd(of: primary, for: partition), configuredAt + settings.times.grace)
        // One that wants to leave claims only if nobody else does.
        guard hasResigned || now >= graceEnd + (isLeaving ? settings.times.grace / 2 : 0) else { return }
        var replicas = [node] + configuration.secondaries.filter { $0 != node }
        // Fewer than the minimum must not go on alone: what they acknowledge could be lost with them. The absent
        // primary stays listed, and is waited for.
        if replicas.count < settings.minimumReplicas { replicas.append(primary) }
        propose(.claim, replicas, now: now)
    }

    mutating func takeResignation(of epoch: UInt64, from sender: NodeID, now: MonotonicTime) {
        // Of this epoch: the primary's log has failed. Of the one before: it has handed its place to this replica.
        guard epoch != configuration.epoch || sender == configuration.primary else { return }
        resignedEpoch = max(resignedEpoch, epoch)
        guard epoch + 1 == configuration.epoch, case .primary(let leadership) = role else { return }
        serveAtOnce(leadership, now: now)
    }
}
