internal import Model
internal import Placement

/// How far a learner is that must begin anew: its state differs from that of all other replicas.
enum Refilling {
    case unbegun
    /// An entry that it cannot have is to be committed first: a snapshot with it is not taken for what the learner has.
    case awaitingEntry(LogIndex, since: MonotonicTime)
    case sending(LogIndex)
    /// The snapshot has ended, well or not: if it was taken in, the answer is on its way.
    case awaitingAnswer(LogIndex, since: MonotonicTime)

    /// The entry that a snapshot must have which is on its way.
    var entry: LogIndex? {
        switch self {
        case .sending(let entry), .awaitingAnswer(let entry, since: _): entry
        case .unbegun, .awaitingEntry: nil
        }
    }
}

/// The odd one of several replicas is left out, and begins anew from a snapshot when it is a learner.
extension ReplicaState {
    mutating func rebuild(_ node: NodeID, now: MonotonicTime) {
        guard isPrimary, configuration.secondaries.contains(node) else { return }
        odd[node] = .unbegun
        noteLeaving(node, now: now)
    }

    /// Sends an odd learner a snapshot, and nothing else before it has one.
    mutating func refill(_ node: NodeID, now: MonotonicTime) {
        guard let refilling = odd[node], case .primary(var leadership) = role, leadership.followers[node] != nil else {
            return
        }
        leadership.followers[node]?.isReading = true
        leadership.followers[node]?.isReceivingSnapshot = true
        role = .primary(leadership)
        switch refilling {
        case .awaitingEntry(let entry, _) where committed >= entry:
            odd[node] = .sending(entry)
            effects.append(.sendSnapshot(to: node, epoch: configuration.epoch))
        case .awaitingEntry(_, let since):
            // Where nothing is committed without this learner, it must do as it is: a later comparison finds it again.
            if now >= since + settings.times.acknowledgement { endRefilling(node) }
        // What an epoch has behind its beginning shows that its primary could serve.
        case .unbegun where now < leadership.serveFrom, .awaitingAnswer where now < leadership.serveFrom: return
        case .sending: return
        case .awaitingAnswer(_, let since) where now < since + 2 * settings.times.retry: return
        case .unbegun, .awaitingAnswer:
            odd[node] = .awaitingEntry(log.last + 1, since: now)
            append([[]], now: now)
        }
    }

    /// - Returns: whether the snapshot was for an odd learner, of which nothing is known before it answers.
    mutating func noteRefilled(_ node: NodeID, now: MonotonicTime) -> Bool {
        guard let refilling = odd[node] else { return false }
        if let entry = refilling.entry { odd[node] = .awaitingAnswer(entry, since: now) }
        return true
    }

    /// A learner says where it stands: one that was to begin anew has, if it has what only the snapshot can have given it.
    mutating func noteStanding(of node: NodeID, at last: LogIndex) {
        guard let entry = odd[node]?.entry, last >= entry else { return }
        endRefilling(node)
    }

    private mutating func endRefilling(_ node: NodeID) {
        guard case .primary(var leadership) = role else { return }
        odd[node] = nil
        leadership.followers[node]?.isReading = false
        leadership.followers[node]?.isReceivingSnapshot = false
        role = .primary(leadership)
    }

    /// What was sent under an earlier epoch is not taken.
    mutating func beginRefillingAgain() {
        odd = odd.mapValues { _ in .unbegun }
    }
}
