/// Messages of one log entry on their way from one partition to another.
///
/// The destination takes a letter only if `predecessor` is the last one that it took of the source's, so nothing is skipped,
/// taken twice or taken out of order.
public struct Letter: Hashable, Sendable {
    /// The least bytes a letter has.
    public static let leastSize = 5

    public let source: PartitionID
    /// Its place in the source's outbox.
    public let sequence: UInt64
    /// What the destination must have taken last: 0, or the letter before this one from the same source to it. Where one side
    /// has lost entries it is whatever the destination says that it has.
    public let predecessor: UInt64
    /// In the order in which the entry wrote them.
    public let messages: [MailMessage]

    public init(
        source: PartitionID,
        sequence: UInt64,
        predecessor: UInt64,
        messages: [MailMessage]
    ) {
        self.source = source
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
        writer.writeVariable(sequence)
        writer.writeVariable(predecessor)
        writer.writeArray(messages) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            source: try reader.readPartition(),
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
    public static let leastSize = 3

    /// The partition at the other end of the stream.
    public let partition: PartitionID
    /// The last letter taken; 0 where none was.
    public let sequence: UInt64

    public init(partition: PartitionID, sequence: UInt64) {
        self.partition = partition
        self.sequence = sequence
    }
}

extension MailReceipt: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(partition)
        writer.writeVariable(sequence)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            partition: try reader.readPartition(),
            sequence: try reader.readVariable()
        )
    }
}
