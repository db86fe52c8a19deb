internal import Model
internal import Placement

/// A replica that has lost what it had acknowledged begins anew as a learner, when it is a member no longer.
extension ReplicaState {
    /// Whether somebody may still count on what this replica has lost. Who is a member counts. Who was none in the first epoch
    /// that this run has learnt may become one by what an earlier run has acknowledged in it; in a later one only by what this run
    /// acknowledges.
    mutating func countsOnWhatIsLost(_ newer: PartitionMap.Configuration) -> Bool {
        guard hasLostEntries else { return false }
        if newer.replicas.contains(node) || newer.epoch <= firstEpoch ?? newer.epoch { return true }
        hasLostEntries = false
        effects.append(.forgetLoss)
        return false
    }

    /// This replica lacks what it must have acknowledged, and no damage has shown that: its disk, or who put an old copy of it in place,
    /// has taken the end of the log away. It would otherwise stay a member for ever, and might lead.
    mutating func noteOwnLoss() {
        hasLostEntries = true
        proposal = nil
        role = .stranger
        effects.append(.noteLoss)
        sayThatEntriesAreLost()
    }

    /// Asks to be left out; where this replica is named as the primary, says that others may take the place.
    mutating func sayThatEntriesAreLost() {
        let hearers =
            configuration.primary == node ? configuration.secondaries : [configuration.primary].compactMap(\.self)
        for hearer in hearers {
            effects.append(.send(.lost(epoch: configuration.epoch), to: hearer))
        }
    }

    /// Another replica has lost entries: a member is left out, and a learner's words are forgotten with the epoch. A primary will not
    /// serve in this epoch, but those before it may: who takes its place waits for their leases.
    mutating func noteLoss(of other: NodeID, now: MonotonicTime, leases: LeaseTable) {
        if other == configuration.primary {
            vacatedEpoch = configuration.epoch
        } else if configuration.secondaries.contains(other) {
            noteLeaving(other, now: now)
        } else {
            beginNextEpoch(for: other, evenALearner: true, now: now, leases: leases)
        }
    }
}
