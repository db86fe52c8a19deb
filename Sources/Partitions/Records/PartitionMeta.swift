internal import Model

/// The partition's own state, written with every entry.
struct PartitionMeta: Equatable {
    var appliedIndex: LogIndex = 0
    /// Of the last applied entry.
    var lastEpoch: UInt64 = 0
    /// Of all effects on the truth up to the applied entry: replicas that have applied the same have the same.
    var checksum: UInt64 = 0
    /// When the last applied entry entered the log.
    var lastTime: Microseconds = 0
    /// The largest id minted by this partition.
    var lastID: UInt64 = 0
    /// The last letter put into the outbox.
    var outboxSequence: UInt64 = 0
}

extension PartitionMeta: BinaryCodable {
    static let version: UInt8 = 2

    func encode(into writer: inout BinaryWriter) {
        writer.write(PartitionMeta.version)
        writer.writeVariable(appliedIndex)
        writer.writeVariable(lastEpoch)
        writer.writeFixed(checksum)
        writer.writeVariable(lastTime)
        writer.writeVariable(lastID)
        writer.writeVariable(outboxSequence)
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let version = try reader.readByte()
        guard version == PartitionMeta.version else { throw .newerVersion(version) }
        appliedIndex = try reader.readVariable()
        lastEpoch = try reader.readVariable()
        checksum = try reader.readFixed()
        lastTime = try reader.readVariable()
        lastID = try reader.readVariable()
        outboxSequence = try reader.readVariable()
    }
}
