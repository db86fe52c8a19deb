package import Model

/// One entry of one partition, as the log keeps it, or what a replica notes about the entries before.
package struct LogRecord: Hashable, Sendable {
    package let partition: PartitionID
    /// Of the primary that put the entry into the log; 0 for a note.
    package let epoch: UInt64
    package let index: LogIndex
    /// What the partition makes of it; the log does not look inside.
    package let payload: [UInt8]

    package init(partition: PartitionID, epoch: UInt64, index: LogIndex, payload: [UInt8]) {
        self.partition = partition
        self.epoch = epoch
        self.index = index
        self.payload = payload
    }

    /// What a record is to those who read the log back.
    package enum Content: Equatable, Sendable {
        case entry
        /// All members have the entries up to this index: nothing will take their place.
        case committed
        /// What the log holds of the partition counts no longer: a snapshot is about to take its place.
        case forgotten
        /// The node has no part in the partition any more: where no record of it follows, the store has nothing of it, or
        /// must be made to.
        case removed
        /// A note of a kind that this software does not know.
        case unknown
    }

    package var content: Content {
        guard epoch == 0 else { return .entry }
        return switch payload {
        case LogRecord.committedNote: .committed
        case LogRecord.forgottenNote: .forgotten
        case LogRecord.removedNote: .removed
        default: .unknown
        }
    }

    package static func committed(_ partition: PartitionID, upTo index: LogIndex) -> LogRecord {
        LogRecord(partition: partition, epoch: 0, index: index, payload: committedNote)
    }

    package static func forgotten(_ partition: PartitionID) -> LogRecord {
        LogRecord(partition: partition, epoch: 0, index: 0, payload: forgottenNote)
    }

    package static func removed(_ partition: PartitionID) -> LogRecord {
        LogRecord(partition: partition, epoch: 0, index: 0, payload: removedNote)
    }

    private static let committedNote: [UInt8] = [1]
    private static let forgottenNote: [UInt8] = [2]
    private static let removedNote: [UInt8] = [3]
}

/// When an appended record counts as durable.
package enum Durability: Hashable, Sendable {
    /// Once it is synced to the device. Survives a power failure.
    case always
    /// Once the operating system has it; synced every so many milliseconds. Survives the process's death; a power
    /// failure loses at most the interval.
    case interval(milliseconds: Int)
    /// Once the operating system has it; synced when the system likes. Survives the process's death.
    case never
}
