internal import Model

/// The `KEY` of a command whose result other partitions have yet to decide, and the digest of that command.
struct PendingKey: Equatable {
    let key: IdempotencyKey
    let digest: UInt64

    /// Nil where the command carries no key.
    init?(of command: Command) {
        guard let key = command.key else { return nil }
        self.key = key
        digest = command.digest
    }
}

extension PendingKey: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.write(key)
        writer.writeFixed(digest)
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        key = try reader.read()
        digest = try reader.readFixed()
    }
}
