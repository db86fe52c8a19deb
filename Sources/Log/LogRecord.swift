package import Model

/// One entry of one partition, as the log keeps it.
package struct LogRecord: Hashable, Sendable {
    package let partition: PartitionID
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
