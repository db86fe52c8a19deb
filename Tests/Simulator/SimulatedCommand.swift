internal import Model

/// What simulated partitions have in their logs.
enum SimulatedCommand {
    /// What a client wants, with the id that a write is given as it enters the log; 0 where it is given none.
    case client(ClientOperation, mintedID: UInt64)
    case receiveMail([Letter])
    case trimOutbox([MailReceipt])
}

extension RegisterWrite {
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

extension SimulatedCommand: BinaryCodable {
    private enum Kind: UInt8 {
        case write = 1
        case receiveMail = 2
        case trimOutbox = 3
        case edit = 4
        case claim = 5
    }

    func encode(into writer: inout BinaryWriter) {
        switch self {
        case .client(.write(let write), let id):
            writer.write(Kind.write.rawValue)
            writer.write(write.key)
            writer.writeFixed(write.value)
            writer.writeFixed(id)
        case .client(.edit(let edit), _):
            writer.write(Kind.edit.rawValue)
            writer.write(edit.element)
            writer.write(edit.adds)
        case .client(.claim(let claim), _):
            writer.write(Kind.claim.rawValue)
            writer.write(claim.name)
            writer.writeFixed(claim.owner)
            writer.write(claim.takes)
        case .client(.read, _), .client(.contains, _), .client(.owner, _): break
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
        case .write:
            let write = RegisterWrite(key: try reader.readByte(), value: try reader.readFixed())
            self = .client(.write(write), mintedID: try reader.readFixed())
        case .edit:
            let edit = SetEdit(element: try reader.readByte(), adds: try reader.readBool())
            self = .client(.edit(edit), mintedID: 0)
        case .claim:
            let (name, owner) = (try reader.readByte(), try reader.readFixed(UInt64.self))
            self = .client(.claim(NameClaim(name: name, owner: owner, takes: try reader.readBool())), mintedID: 0)
        case .receiveMail:
            self = .receiveMail(try reader.readArray { reader throws(BinaryDecodingError) in try reader.read() })
        case .trimOutbox:
            self = .trimOutbox(try reader.readArray { reader throws(BinaryDecodingError) in try reader.read() })
        case nil: throw .invalid("kind of command")
        }
    }
}
