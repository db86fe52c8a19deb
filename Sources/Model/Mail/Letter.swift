/// Messages of one log entry on their way from one partition to another.
///
/// `predecessor` is the sequence of the letter before this one from the same source to the same destination: the
/// destination takes a letter only if its predecessor is the last one it took, so nothing is skipped, taken twice
/// or taken out of order.
public struct Letter: Hashable, Sendable {
    /// The least bytes a letter has.
    public static let leastSize = 13

    public let source: PartitionID
    /// Which run of the stream between the two partitions the letter belongs to; a stream that had to be broken off
    /// begins a new one.
    public let incarnation: UInt64
    /// Its place in the source's outbox; 1 is the first.
    public let sequence: UInt64
    /// 0 where the letter is the first of its incarnation.
    public let predecessor: UInt64
    /// In the order in which the entry wrote them.
    public let messages: [MailMessage]

    public init(
        source: PartitionID,
        incarnation: UInt64,
        sequence: UInt64,
        predecessor: UInt64,
        messages: [MailMessage]
    ) {
        self.source = source
        self.incarnation = incarnation
        self.sequence = sequence
        self.predecessor = predecessor
        self.messages = messages
    }
}

extension Letter {
    /// About how many bytes it has on the wire.
    public var size: Int { messages.reduce(Letter.leastSize) { $0 + $1.size } }
}

extension Letter: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(source)
        writer.writeFixed(incarnation)
        writer.writeVariable(sequence)
        writer.writeVariable(predecessor)
        writer.writeArray(messages) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            source: try reader.readPartition(),
            incarnation: try reader.readFixed(),
            sequence: try reader.readVariable(),
            predecessor: try reader.readVariable(),
            messages: try reader.readArray(elementSize: MailMessage.leastSize) {
                reader throws(BinaryDecodingError) in
                try reader.read()
            }
        )
    }
}

/// How far a destination has taken the mail of a source.
public struct MailReceipt: Hashable, Sendable {
    /// The least bytes a receipt has.
    public static let leastSize = 11

    /// The partition at the other end of the stream.
    public let partition: PartitionID
    public let incarnation: UInt64
    /// The last letter taken; 0 where none was.
    public let sequence: UInt64

    public init(partition: PartitionID, incarnation: UInt64, sequence: UInt64) {
        self.partition = partition
        self.incarnation = incarnation
        self.sequence = sequence
    }
}

extension MailReceipt: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(partition)
        writer.writeFixed(incarnation)
        writer.writeVariable(sequence)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            partition: try reader.readPartition(),
            incarnation: try reader.readFixed(),
            sequence: try reader.readVariable()
        )
    }
}
