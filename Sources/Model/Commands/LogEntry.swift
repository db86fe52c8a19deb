/// A command with what its primary decided for it: everything `apply` needs, so that applying is deterministic.
public struct LogEntry: Hashable, Sendable {
    /// When the command entered the log, by the primary's clock, but always later than the entry before.
    public let time: Microseconds
    /// The id minted for the command; 0 where `command.mintsID` is false.
    public let mintedID: UInt64
    public let command: Command

    public init(time: Microseconds, mintedID: UInt64, command: Command) {
        self.time = time
        self.mintedID = mintedID
        self.command = command
    }
}

extension LogEntry: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(time)
        writer.writeVariable(mintedID)
        writer.write(command)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            time: try reader.readOrdinal(),
            mintedID: try reader.readOrdinal(),
            command: try reader.read()
        )
    }
}
