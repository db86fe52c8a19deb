public import Model
public import Placement

/// What replicas of one partition tell each other.
public enum ReplicaMessage: Hashable, Sendable {
    case append(Append)
    case acknowledge(Acknowledgement)
    /// The entry at or below which the sender's log may agree; the primary goes on from there.
    case mismatch(Mismatch)
    /// The sender has learnt of a newer configuration: who got this is deposed.
    case stale(epoch: UInt64)
    /// The sender was the primary and has stopped serving, for good in this epoch: the next one need not wait for leases.
    case resigned(epoch: UInt64)
    /// The sender is to be done without: a secondary is about to end, and is left out before it is missed; one that has no part in the
    /// partition any more asks for an epoch in which nobody counts on it.
    case leaving(epoch: UInt64)
    /// The sender has lost entries that it has acknowledged: it is to be no member before it has begun anew, and what it has said in
    /// this epoch is not to count for one.
    case lost(epoch: UInt64)

    /// Entries from the primary; without entries, a sign of how far the log is committed.
    public struct Append: Hashable, Sendable {
        /// Under which the primary sends. Its members are in it, so that a replica need not wait for the map.
        public let configuration: PartitionMap.Configuration
        /// The entry before the first; its epoch must be the same in both logs.
        public let previousIndex: LogIndex
        public let previousEpoch: UInt64
        /// How far all members hold the log.
        public let committed: LogIndex
        /// By the receiver's clock: `committed` has all that anybody was told before then. 0 where the primary cannot say.
        public let isCompleteAsOf: MonotonicTime
        public let entries: [ReplicatedEntry]

        package init(
            configuration: PartitionMap.Configuration,
            previousIndex: LogIndex,
            previousEpoch: UInt64,
            committed: LogIndex,
            isCompleteAsOf: MonotonicTime = 0,
            entries: [ReplicatedEntry]
        ) {
            self.configuration = configuration
            self.previousIndex = previousIndex
            self.previousEpoch = previousEpoch
            self.committed = committed
            self.isCompleteAsOf = isCompleteAsOf
            self.entries = entries
        }
    }

    public struct Acknowledgement: Hashable, Sendable {
        public let epoch: UInt64
        /// Everything up to here is durable, and the same as in the primary's log.
        public let durable: LogIndex
        /// How far the sender has applied the log; it may be further by now. 0 where it does not say.
        public let applied: LogIndex
        /// When it was sent, by the sender's clock; 0 where it does not say.
        public let sentAt: MonotonicTime

        package init(epoch: UInt64, durable: LogIndex, applied: LogIndex = 0, sentAt: MonotonicTime = 0) {
            self.epoch = epoch
            self.durable = durable
            self.applied = applied
            self.sentAt = sentAt
        }
    }

    public struct Mismatch: Hashable, Sendable {
        public let epoch: UInt64
        public let last: LogIndex

        package init(epoch: UInt64, last: LogIndex) {
            self.epoch = epoch
            self.last = last
        }
    }
}

extension ReplicaMessage: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        switch self {
        case .append(let append):
            writer.write(UInt8(1))
            writer.write(append.configuration)
            writer.writeVariable(append.previousIndex)
            writer.writeVariable(append.previousEpoch)
            writer.writeVariable(append.committed)
            writer.writeVariable(append.isCompleteAsOf)
            writer.writeArray(append.entries) { $0.write($1) }
        case .acknowledge(let acknowledgement):
            writer.write(UInt8(2))
            writer.writeVariable(acknowledgement.epoch)
            writer.writeVariable(acknowledgement.durable)
            writer.writeVariable(acknowledgement.applied)
            writer.writeVariable(acknowledgement.sentAt)
        case .mismatch(let mismatch):
            writer.write(UInt8(3))
            writer.writeVariable(mismatch.epoch)
            writer.writeVariable(mismatch.last)
        case .stale(let epoch):
            writer.write(UInt8(4))
            writer.writeVariable(epoch)
        case .resigned(let epoch):
            writer.write(UInt8(5))
            writer.writeVariable(epoch)
        case .leaving(let epoch):
            writer.write(UInt8(6))
            writer.writeVariable(epoch)
        case .lost(let epoch):
            writer.write(UInt8(7))
            writer.writeVariable(epoch)
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        switch try reader.readByte() {
        case 1: self = .append(try Append(from: &reader))
        case 2:
            self = .acknowledge(
                Acknowledgement(
                    epoch: try reader.readOrdinal(),
                    durable: try reader.readOrdinal(),
                    applied: try reader.readOrdinal(),
                    sentAt: try reader.readOrdinal()
                )
            )
        case 3: self = .mismatch(Mismatch(epoch: try reader.readOrdinal(), last: try reader.readOrdinal()))
        case 4: self = .stale(epoch: try reader.readOrdinal())
        case 5: self = .resigned(epoch: try reader.readOrdinal())
        case 6: self = .leaving(epoch: try reader.readOrdinal())
        case 7: self = .lost(epoch: try reader.readOrdinal())
        case let other: throw .invalid("replica message \(other)")
        }
    }
}

extension ReplicaMessage.Append {
    fileprivate init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        configuration = try reader.read()
        previousIndex = try reader.readOrdinal()
        previousEpoch = try reader.readOrdinal()
        committed = try reader.readOrdinal()
        isCompleteAsOf = try reader.readOrdinal()
        entries = try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in try reader.read() }
        // A gap between entries, or an index that wraps, would put an entry where it does not belong.
        var (index, epoch) = (previousIndex, previousEpoch)
        for entry in entries {
            guard entry.index == index + 1 else {
                throw .invalid("entry \(entry.index) behind \(index)")
            }
            // Epochs only grow, and no entry has a later one than who sends it; 0 is none.
            guard entry.epoch >= max(epoch, 1), entry.epoch <= configuration.epoch else {
                throw .invalid("entry \(entry.index) of epoch \(entry.epoch) behind epoch \(epoch)")
            }
            (index, epoch) = (entry.index, entry.epoch)
        }
    }
}
