package import Log
package import Model

/// Of which partitions a log with damage has everything all the same.
///
/// What was damaged may have been anybody's. But a partition whose next entry has the same epoch, and the next index, lacks
/// nothing: a primary sends its entries in order, and another one would have another epoch. Nor does one lack anything whose next
/// entry follows what its store has, though what the log has in front of the damage may have been replaced. A partition of which
/// nothing follows may lack something.
package struct LogContinuity {
    /// What the next record of a partition is.
    package enum Verdict: Equatable, Sendable {
        case next
        /// It counts, and nothing that was before it.
        case beginning
        /// It does not count: something before it may be missing.
        case torn
    }

    private var damages = 0
    private var last: [PartitionID: (epoch: UInt64, index: LogIndex)] = [:]
    /// Behind how much of the damage a partition is known to lack nothing.
    private var proven: [PartitionID: Int] = [:]
    /// The partitions that lack something.
    private var torn: Set<PartitionID> = []

    package init() {}

    package var hasDamage: Bool { damages > 0 }

    /// Records are missing here.
    package mutating func noteDamage() { damages += 1 }

    /// - Parameter stored: the last entry of which the partition's store lacks nothing.
    package mutating func verdict(on record: LogRecord, stored: LogIndex) -> Verdict {
        let partition = record.partition
        switch record.content {
        case .forgotten, .removed:
            torn.remove(partition)
            proven[partition] = damages
            last[partition] = nil
            return .next
        case .entry:
            let verdict = isWhole(partition) ? .next : verdict(onEntry: record, stored: stored)
            if verdict == .torn {
                torn.insert(partition)
            } else {
                proven[partition] = damages
                last[partition] = (record.epoch, record.index)
            }
            return verdict
        // What is said to be committed may be other entries than those that were found.
        case .committed: return isWhole(partition) ? .next : .torn
        case .unknown: return .next
        }
    }

    private func verdict(onEntry record: LogRecord, stored: LogIndex) -> Verdict {
        if torn.contains(record.partition) { return .torn }
        if let last = last[record.partition], last.epoch == record.epoch, last.index + 1 == record.index {
            return .next
        }
        return record.index <= stored + 1 ? .beginning : .torn
    }

    /// Whether everything of a partition was found.
    package func isWhole(_ partition: PartitionID) -> Bool {
        damages == 0 || !torn.contains(partition) && proven[partition] == damages
    }
}
