public import Model

/// One entry of a partition's log, as replicas send it to each other.
public struct ReplicatedEntry: Hashable, Sendable {
    /// Of the primary that put it into the log. It keeps it, whoever sends it later.
    public let epoch: UInt64
    public let index: LogIndex
    /// Empty for the entry with which a primary begins its epoch.
    public let payload: [UInt8]

    public init(epoch: UInt64, index: LogIndex, payload: [UInt8]) {
        self.epoch = epoch
        self.index = index
        self.payload = payload
    }
}

extension ReplicatedEntry: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(epoch)
        writer.writeVariable(index)
        writer.write(payload)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            epoch: try reader.readOrdinal(),
            index: try reader.readOrdinal(),
            payload: try reader.readBytes()
        )
    }
}
