/// A page of everything of one kind that a partition has, in the order of its keys.
public struct DumpQuery: Hashable, Sendable {
    public enum Kind: UInt8, Sendable, CaseIterable {
        case users = 1
        case follows = 2
        case tweets = 3
    }

    public let kind: Kind
    /// How many records to look at; deleted ones among them are not in the page.
    public let count: Int
    /// Where the page before ended.
    public let after: DumpPosition?

    public init(kind: Kind, count: Int, after: DumpPosition? = nil) {
        self.kind = kind
        self.count = count
        self.after = after
    }
}

/// What a dump holds.
public enum DumpItem: Hashable, Sendable {
    case user(User)
    case follow(follower: UserID, author: UserID, since: Microseconds)
    case tweet(Tweet, replyToAuthor: UserID?)
}

/// A place in a dump: the ids of the last record looked at, each from 0 to 2^63 - 1.
public struct DumpPosition: Hashable, Sendable {
    public let first: UInt64
    /// Nil where an item has one id, and in front of all items that begin with `first`.
    public let second: UInt64?

    public init(first: UInt64, second: UInt64?) {
        self.first = first
        self.second = second
    }
}

extension DumpQuery: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(kind.rawValue)
        writer.writeCount(count)
        writer.writeOptional(after) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let raw = try reader.readByte()
        guard let kind = Kind(rawValue: raw) else { throw .invalid("dump of kind \(raw)") }
        self.init(
            kind: kind,
            count: try reader.readPageSize(),
            after: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
        )
    }
}

extension DumpPosition: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(UserID(first))
        writer.writeOptional(second) { $0.write(UserID($1)) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let first = try reader.readUser().rawValue
        let second = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser().rawValue }
        self.init(first: first, second: second)
    }
}

extension DumpItem: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        switch self {
        case .user(let user):
            writer.write(DumpQuery.Kind.users.rawValue)
            writer.write(user)
        case .follow(let follower, let author, let since):
            writer.write(DumpQuery.Kind.follows.rawValue)
            writer.write(follower)
            writer.write(author)
            writer.writeVariable(since)
        case .tweet(let tweet, let replyToAuthor):
            writer.write(DumpQuery.Kind.tweets.rawValue)
            writer.write(tweet)
            writer.writeOptional(replyToAuthor) { $0.write($1) }
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let raw = try reader.readByte()
        switch DumpQuery.Kind(rawValue: raw) {
        case .users: self = .user(try reader.read())
        case .follows:
            self = .follow(
                follower: try reader.readUser(),
                author: try reader.readUser(),
                since: try reader.readVariable()
            )
        case .tweets:
            self = .tweet(
                try reader.read(),
                replyToAuthor: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() }
            )
        case nil: throw .invalid("dump item of kind \(raw)")
        }
    }
}
