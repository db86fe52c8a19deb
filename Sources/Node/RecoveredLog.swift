package import DequeModule
package import Log
package import Model
package import Partitions
package import Replication

/// What the log was found to hold of one partition, while it is read, and afterwards.
///
/// Entries take the place of those that were written before at their index and behind it: another primary sent them.
/// What is known to be committed is applied at once; the rest is kept for the replica's protocol to decide about.
package struct RecoveredLog {
    /// Of everything that counts.
    package private(set) var epochs: EpochTable?
    /// Entries that nothing says are committed, oldest first.
    package private(set) var uncommitted: Deque<ReplicatedEntry> = []
    private var committed: LogIndex = 0

    package init() {}

    /// Takes the next record.
    ///
    /// - Parameter apply: is given what is committed, in order.
    package mutating func take(
        _ record: LogRecord,
        applied: LogIndex,
        apply: (ReplicatedEntry) throws(PartitionFailure) -> Void
    ) throws(PartitionFailure) {
        switch record.content {
        case .entry: try append(record, applied: applied)
        case .committed: committed = max(committed, record.index)
        case .forgotten, .removed: self = RecoveredLog()
        case .unknown: throw .damaged("the log has a note \(record.payload.prefix(8)) of a newer version")
        }
        while let entry = uncommitted.first, entry.index <= max(committed, applied) {
            uncommitted.removeFirst()
            try apply(entry)
        }
    }

    private mutating func append(_ record: LogRecord, applied: LogIndex) throws(PartitionFailure) {
        guard (1..<LogIndex(Int64.max)).contains(record.index) else {
            throw .damaged("the log has entry \(record.index)")
        }
        // A partition that was removed and taught again from its beginning: what was applied again of its earlier life can be further
        // than the log was when it went on from there.
        if let last = epochs?.last, record.index > last + 1, record.index <= applied + 1 {
            epochs = nil
            uncommitted = []
        }
        if var table = epochs {
            guard record.index <= table.last + 1 else {
                throw .broken("the log has entry \(record.index) behind \(table.last)")
            }
            if record.index <= table.last {
                guard record.index > committed else {
                    throw .broken("the log has another entry \(record.index), and \(committed) is committed")
                }
                table.truncate(after: record.index - 1)
                while let last = uncommitted.last, last.index >= record.index {
                    uncommitted.removeLast()
                }
            }
            table.append(epoch: record.epoch)
            epochs = table
        } else {
            epochs = EpochTable(startingBehind: record.index, epoch: record.epoch)
        }
        uncommitted.append(ReplicatedEntry(epoch: record.epoch, index: record.index, payload: record.payload))
    }

    /// The log is read to its end.
    ///
    /// - Parameters:
    ///   - applied: the last entry that the store has.
    ///   - epoch: of that entry.
    package mutating func finish(applied: LogIndex, epoch: UInt64) throws(PartitionFailure) {
        if let first = uncommitted.first, first.index > applied + 1 {
            throw .broken("the log has entry \(first.index), and the store ends with \(applied)")
        }
        if let epochs, epochs.last >= applied, epochs.epoch(at: applied) != nil || applied == 0 { return }
        if uncommitted.isEmpty {
            epochs = EpochTable(startingBehind: applied, epoch: epoch)
            return
        }
        // The log begins behind what the store has.
        var table = EpochTable(startingBehind: applied, epoch: epoch)
        for entry in uncommitted {
            table.append(epoch: entry.epoch)
        }
        epochs = table
    }
}
