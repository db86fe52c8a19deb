/// What a partition's log holds: every change of a partition's state is one of these.
///
/// The first cases come from front ends; the last ones a partition's primary appends itself.
public enum Command: Hashable, Sendable {
    case createUser(CreateUser)
    case updateUser(UpdateUser)
    case deleteUser(DeleteUser)
    case follow(Follow)
    case unfollow(Unfollow)
    case postTweet(PostTweet)
    case deleteTweet(DeleteTweet)
    case restoreTweet(RestoreTweet)

    /// A batch of mail from other partitions.
    case receiveMail([Letter])
    /// How far the destinations have taken this partition's mail: what they all have may be forgotten.
    case trimOutbox([MailReceipt])
    /// Another slice of taking apart a deleted user.
    case continueDeletion(UserID)

    /// Who acts, as front ends' ordering and idempotency mean it; nil for the partition's own commands.
    public var actor: Actor? {
        switch self {
        case .createUser(let command): .name(command.username.folded)
        case .updateUser(let command): .user(command.user)
        case .deleteUser(let command): .user(command.user)
        case .follow(let command): .user(command.follower)
        case .unfollow(let command): .user(command.follower)
        case .postTweet(let command): .user(command.author)
        case .deleteTweet(let command): .user(command.author)
        case .restoreTweet(let command): .user(command.author)
        case .receiveMail, .trimOutbox, .continueDeletion: nil
        }
    }

    /// The token that makes a retry answer the first result.
    public var key: IdempotencyKey? {
        switch self {
        case .createUser(let command): command.key
        case .updateUser(let command): command.key
        case .deleteUser(let command): command.key
        case .postTweet(let command): command.key
        case .follow, .unfollow, .deleteTweet, .restoreTweet, .receiveMail, .trimOutbox, .continueDeletion: nil
        }
    }

    /// How many moments of the log's time the command takes up: each of its edges has one of its own.
    public var moments: UInt64 {
        if case .follow(let command) = self { UInt64(max(1, command.authors.count)) } else { 1 }
    }

    /// Whether the primary mints an id for the command as it enters the log.
    public var mintsID: Bool {
        switch self {
        case .createUser(let command): command.requestedID == nil
        case .postTweet: true
        default: false
        }
    }
}

/// Who a command acts for: commands of one actor take effect in the order sent.
public enum Actor: Hashable, Sendable {
    case user(UserID)
    /// The folded username, for a creation.
    case name(String)

    /// The partition that the actor's commands go to.
    public func partition(in layout: PartitionLayout) -> PartitionID {
        switch self {
        case .user(let user): layout.partition(of: user)
        case .name(let name): layout.partition(ofFoldedName: name)
        }
    }
}

/// `KEY`: 1 to 64 bytes, chosen by the client.
public struct IdempotencyKey: Hashable, Sendable {
    public static let largestLength = 64

    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) throws(Refusal) {
        guard (1...IdempotencyKey.largestLength).contains(bytes.count) else {
            throw .invalid("KEY has \(bytes.count) bytes, 1 to \(IdempotencyKey.largestLength) allowed")
        }
        self.bytes = bytes
    }
}

extension IdempotencyKey: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) { writer.write(bytes) }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let bytes = try reader.readBytes()
        guard let key = try? IdempotencyKey(bytes) else { throw .invalid("idempotency key of \(bytes.count) bytes") }
        self = key
    }
}

extension Command: BinaryCodable {
    /// Bumped with every change of the form of an existing command; new commands get new kinds.
    static let version: UInt8 = 2

    private enum Kind: UInt8 {
        case createUser = 1
        case updateUser = 2
        case deleteUser = 3
        case unfollow = 5
        case postTweet = 6
        case deleteTweet = 7
        case follow = 8
        case restoreTweet = 9
        case receiveMail = 64
        case trimOutbox = 65
        case continueDeletion = 66
    }

    public func encode(into writer: inout BinaryWriter) {
        writer.write(Command.version)
        switch self {
        case .createUser(let command): writer.write(Kind.createUser, command)
        case .updateUser(let command): writer.write(Kind.updateUser, command)
        case .deleteUser(let command): writer.write(Kind.deleteUser, command)
        case .follow(let command): writer.write(Kind.follow, command)
        case .unfollow(let command): writer.write(Kind.unfollow, command)
        case .postTweet(let command): writer.write(Kind.postTweet, command)
        case .deleteTweet(let command): writer.write(Kind.deleteTweet, command)
        case .restoreTweet(let command): writer.write(Kind.restoreTweet, command)
        case .receiveMail(let letters):
            writer.write(Kind.receiveMail.rawValue)
            writer.writeArray(letters) { $0.write($1) }
        case .trimOutbox(let receipts):
            writer.write(Kind.trimOutbox.rawValue)
            writer.writeArray(receipts) { $0.write($1) }
        case .continueDeletion(let user):
            writer.write(Kind.continueDeletion.rawValue)
            writer.write(user)
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let version = try reader.readByte()
        guard version == Command.version else { throw .newerVersion(version) }
        let raw = try reader.readByte()
        guard let kind = Kind(rawValue: raw) else { throw .invalid("command kind \(raw)") }
        switch kind {
        case .createUser: self = .createUser(try reader.read())
        case .updateUser: self = .updateUser(try reader.read())
        case .deleteUser: self = .deleteUser(try reader.read())
        case .follow: self = .follow(try reader.read())
        case .unfollow: self = .unfollow(try reader.read())
        case .postTweet: self = .postTweet(try reader.read())
        case .deleteTweet: self = .deleteTweet(try reader.read())
        case .restoreTweet: self = .restoreTweet(try reader.read())
        case .receiveMail:
            self = .receiveMail(
                try reader.readArray(elementSize: Letter.leastSize) { reader throws(BinaryDecodingError) in
                    try reader.read()
                }
            )
        case .trimOutbox:
            self = .trimOutbox(
                try reader.readArray(elementSize: MailReceipt.leastSize) { reader throws(BinaryDecodingError) in
                    try reader.read()
                }
            )
        case .continueDeletion: self = .continueDeletion(try reader.readUser())
        }
    }
}

extension BinaryWriter {
    fileprivate mutating func write(_ kind: some RawRepresentable<UInt8>, _ command: some BinaryEncodable) {
        write(kind.rawValue)
        write(command)
    }
}
