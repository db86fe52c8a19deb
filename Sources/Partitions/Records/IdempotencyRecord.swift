internal import Model

/// The result of a command that carried a `KEY`.
struct IdempotencyRecord: Equatable {
    enum Result: Equatable {
        case done(Answer)
        /// Under way: other partitions have to answer first.
        case pending(version: LogIndex)
    }

    /// Of the command: another one under the same token is refused.
    let digest: UInt64
    /// When the command entered the log.
    let time: Microseconds
    let result: Result
}

extension IdempotencyRecord: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.writeFixed(digest)
        writer.writeVariable(time)
        switch result {
        case .done(let answer):
            writer.write(UInt8(0))
            writer.write(answer)
        case .pending(let version):
            writer.write(UInt8(1))
            writer.writeVariable(version)
        }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        digest = try reader.readFixed()
        time = try reader.readVariable()
        switch try reader.readByte() {
        case 0: result = .done(try reader.read())
        case 1: result = .pending(version: try reader.readVariable())
        case let other: throw .invalid("idempotency result \(other)")
        }
    }
}
