internal import Model

/// What simulated partitions have in their logs.
enum RegisterCommand {
    case write(RegisterWrite)
    case receiveMail([Letter])
    case trimOutbox([MailReceipt])
}

/// A command of simulated clients.
package struct RegisterWrite: Equatable {
    package let key: UInt8
    /// No two writes have the same.
    package let value: UInt64

    package init(key: UInt8, value: UInt64) {
        self.key = key
        self.value = value
    }

    /// Half of the writes are told to others, some of them to everybody.
    func destinations(of partitions: [PartitionID]) -> [PartitionID] {
        switch value % 8 {
        case 0: partitions
        case 1, 2, 3: [partitions[Int(value / 8) % partitions.count]]
        default: []
        }
    }

    /// The value in whatever message has room for one.
    var message: MailMessage { .removal(author: UserID(UInt64(key)), tweet: TweetID(value)) }
}

extension RegisterCommand: BinaryCodable {
    private enum Kind: UInt8 {
        case write = 1
        case receiveMail = 2
        case trimOutbox = 3
    }

    func encode(into writer: inout BinaryWriter) {
        switch self {
        case .write(let write):
            writer.write(Kind.write.rawValue)
            writer.write(write.key)
            writer.writeFixed(write.value)
        case .receiveMail(let letters):
            writer.write(Kind.receiveMail.rawValue)
            writer.writeArray(letters) { $0.write($1) }
        case .trimOutbox(let receipts):
            writer.write(Kind.trimOutbox.rawValue)
            writer.writeArray(receipts) { $0.write($1) }
        }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        switch Kind(rawValue: try reader.readByte()) {
        case .write: self = .write(RegisterWrite(key: try reader.readByte(), value: try reader.readFixed()))
        case .receiveMail:
            self = .receiveMail(try reader.readArray { reader throws(BinaryDecodingError) in try reader.read() })
        case .trimOutbox:
            self = .trimOutbox(try reader.readArray { reader throws(BinaryDecodingError) in try reader.read() })
        case nil: throw .invalid("kind of command")
        }
    }
}
