internal import DequeModule
internal import EventLoops
internal import Model
internal import NIOCore
internal import Partitions
internal import Replication

/// Applies what is committed to a replica's partition, many entries in one write to the store, in turns with the loop's other
/// partitions; then answers who waits for it.
///
/// Confined to its host's event loop.
final class EntryApplier {
    /// How often a partition tries again to write to a full store.
    private static let storeRetry = TimeAmount.milliseconds(250)
    /// Entries from which a secondary is far behind: should it become the primary, all of them must be applied first.
    private static let largestBacklog = 2_048
    /// Entries that a secondary may have to apply at all; more are not taken until it has.
    private static let largestUnapplied = 262_144
    private static let largestUnappliedBytes = 128 << 20

    private unowned let replica: Replica
    private let host: PartitionHost
    /// What the log holds and the partition has not taken up.
    private var unapplied = UnappliedEntries()
    /// Entries that are applied to what is in memory, and not in the store.
    private var staged = UnappliedEntries()
    /// Whether the store has no space for them.
    private(set) var isStalled = false
    /// The turns that are to come. More than one where a secondary fell far behind or became the primary meanwhile.
    private var turns: Set<LoopTurns.Urgency> = []

    init(replica: Replica, host: PartitionHost) {
        self.replica = replica
        self.host = host
    }

    var count: Int { unapplied.count }
    /// Committed entries that the store does not have.
    var backlog: Int {
        guard let first = unapplied.first(upTo: replica.state.committed) else { return staged.count }
        return staged.count + min(unapplied.count, Int(replica.state.committed - first.index) + 1)
    }
    var isFull: Bool {
        unapplied.count >= EntryApplier.largestUnapplied || unapplied.bytes >= EntryApplier.largestUnappliedBytes
    }

    // MARK: What is to be applied

    /// Takes an entry that the log is about to hold, behind all others.
    func append(_ entry: UnappliedEntry) {
        unapplied.append(entry)
    }

    /// Forgets entries behind `last`, which the log does not hold any more.
    func truncate(behind last: LogIndex) {
        replica.requests.abandon(unapplied.removeAll(behind: last), .refused(Requests.unknownOutcome))
    }

    /// Answers who waits for what is not committed: nobody knows what becomes of it. What is committed is answered when it
    /// is applied.
    func disownUncommitted() {
        replica.requests.abandon(unapplied.disown(behind: replica.state.committed), .refused(Requests.unknownOutcome))
    }

    /// Forgets everything: the partition has stopped.
    ///
    /// - Returns: who waited for it.
    func giveUp() -> [Origin] {
        if isStalled { host.storeIsFull(nil, for: replica.partition.id) }
        let origins = staged.origins + unapplied.origins
        staged.removeAll()
        unapplied.removeAll()
        isStalled = false
        return origins
    }

    // MARK: Turns

    /// To be called when more is committed. Nobody waits for a secondary: many entries together cost it less.
    func moreIsCommitted() {
        let due = replica.partition.appliedIndex + LogIndex(Partition.largestGroup)
        if replica.isPrimary || replica.state.committed >= due { scheduleTurn() }
    }

    /// Applies what nobody waits for, and takes up what could not enter the log. To be called now and then.
    func applyWaiting() {
        guard unapplied.first(upTo: replica.state.committed) == nil else { return scheduleTurn() }
        guard mayApply else { return }
        replica.caughtUp()
    }

    private var mayApply: Bool { replica.failure == nil && !replica.isInstalling && !replica.isClosed && !isStalled }

    private var urgency: LoopTurns.Urgency {
        if replica.isPrimary { return .awaited }
        return unapplied.count < EntryApplier.largestBacklog ? .background : .behind
    }

    private func scheduleTurn() {
        let urgency = urgency
        // What waits as a secondary's does not hold up a primary.
        guard !turns.contains(where: { $0.rawValue <= urgency.rawValue }) else { return }
        turns.insert(urgency)
        host.turns.add(urgency) { end in
            self.turns.remove(urgency)
            self.applyCommitted(until: end)
        }
    }

    private func applyCommitted(until end: NIODeadline) {
        guard mayApply else { return }
        while let next = unapplied.first(upTo: replica.state.committed) {
            if NIODeadline.now() >= end {
                if commitStaged() { scheduleTurn() }
                return
            }
            if !replica.partition.takes(next.entry) {
                guard commitStaged() else { return }
                // Answers may have changed what is next.
                continue
            }
            unapplied.removeFirst()
            staged.append(next)
            let isStaged: Void? = replica.attempt { () throws(PartitionFailure) in
                try replica.partition.stage(next.entry, at: next.index, epoch: next.epoch)
            }
            guard isStaged != nil else { return }
            replica.comparison.noteApplied()
        }
        guard commitStaged() else { return }
        replica.caughtUp()
    }

    // MARK: The store

    /// Writes what is staged to the store, and answers what each entry came to.
    ///
    /// - Returns: false where it has no effect yet: the store is full, or the partition has stopped.
    private func commitStaged() -> Bool {
        let all: [Applied]
        do throws(PartitionFailure) {
            all = try replica.partition.commit()
        } catch {
            if error.isOutOfSpace {
                stall(error)
            } else {
                replica.stop(error)
            }
            return false
        }
        let entries = staged
        staged.removeAll()
        guard all.count == entries.count else {
            replica.requests.abandon(entries.origins, .refused(Requests.unknownOutcome))
            replica.stop(.broken("\(entries.count) entries came to \(all.count) outcomes"))
            return false
        }
        for (entry, applied) in zip(entries, all) {
            replica.finish(entry, applied)
        }
        return replica.failure == nil
    }

    /// The store has no space for what is staged. It and what is behind it will take effect when there is space again;
    /// nobody is kept waiting for that, least of all reads behind them.
    private func stall(_ error: PartitionFailure) {
        isStalled = true
        let waiting = staged.disown(behind: 0) + unapplied.disown(behind: 0)
        host.storeIsFull(error.description, for: replica.partition.id)
        host.eventLoop.assumeIsolated().scheduleTask(in: EntryApplier.storeRetry) { self.resumeStalled() }
        replica.requests.abandon(waiting, .refused(Requests.unknownOutcome))
    }

    /// Tries again to write what the store had no space for.
    private func resumeStalled() {
        guard replica.failure == nil, !replica.isInstalling, !replica.isClosed, isStalled else { return }
        isStalled = false
        guard commitStaged() else { return }
        host.storeIsFull(nil, for: replica.partition.id)
        scheduleTurn()
    }
}
