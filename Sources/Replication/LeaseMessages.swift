public import Model

/// What a node that is a primary somewhere tells a node that has secondaries of its partitions: that it is there.
public struct Beacon: Hashable, Sendable {
    /// Names the sender's run: what answers an earlier run's beacons means nothing to this one.
    public let run: UInt64
    /// The grant session that the sender knows of; 0 where it knows none.
    public let session: UInt64
    /// By the sender's clock.
    public let sentAt: MonotonicTime
    /// Partitions that the session is asked to cover, with the epoch in which the sender is their primary.
    public let wants: [CoveredPartition]
}

/// The answer to a beacon: a promise not to claim the covered partitions before the grace period has passed.
public struct BeaconReply: Hashable, Sendable {
    /// Of the beacon.
    public let run: UInt64
    /// Of the beacon.
    public let sentAt: MonotonicTime
    /// The session that is open now. Where it is not the beacon's, nothing is promised yet.
    public let session: UInt64
    /// What the beacon asked for and the session covers now.
    public let covers: [CoveredPartition]

    package init(run: UInt64, sentAt: MonotonicTime, session: UInt64, covers: [CoveredPartition]) {
        self.run = run
        self.sentAt = sentAt
        self.session = session
        self.covers = covers
    }
}

/// A partition in an epoch.
public struct CoveredPartition: Hashable, Sendable {
    public let partition: PartitionID
    public let epoch: UInt64

    public init(partition: PartitionID, epoch: UInt64) {
        self.partition = partition
        self.epoch = epoch
    }
}

extension Beacon: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeFixed(run)
        writer.writeFixed(session)
        writer.writeVariable(sentAt)
        writer.writeArray(wants) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        run = try reader.readFixed()
        session = try reader.readFixed()
        sentAt = try reader.readOrdinal()
        wants = try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in try reader.read() }
    }
}

extension BeaconReply: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeFixed(run)
        writer.writeVariable(sentAt)
        writer.writeFixed(session)
        writer.writeArray(covers) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            run: try reader.readFixed(),
            sentAt: try reader.readOrdinal(),
            session: try reader.readFixed(),
            covers: try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in try reader.read() }
        )
    }
}

extension CoveredPartition: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(partition)
        writer.writeVariable(epoch)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(partition: try reader.readPartition(), epoch: try reader.readOrdinal())
    }
}
