/// `FOLLOW`: goes to the follower's partition. Its primary has asked the authors' partitions whether they exist. All of
/// its edges take effect or none.
public struct Follow: Hashable, Sendable {
    /// The most authors of one command: it is applied in one go, so it must not be long.
    public static let largestCount = 200

    public let follower: UserID
    /// Oldest first: the last one is at the front of `FOLLOWING`.
    public var authors: [FollowedAuthor]

    public init(follower: UserID, authors: [FollowedAuthor]) {
        self.follower = follower
        self.authors = authors
    }

    public init(follower: UserID, author: UserID) {
        self.init(follower: follower, authors: [FollowedAuthor(author)])
    }
}

/// Whom a `FOLLOW` names.
public struct FollowedAuthor: Hashable, Sendable {
    public let author: UserID
    /// Since when, for an edge that is brought from elsewhere; nil for one that begins now.
    public let since: Microseconds?
    /// Whether there ever was a tweet of theirs: found out by the primary before the command enters the log.
    public var hasPosted: Bool

    public init(_ author: UserID, since: Microseconds? = nil, hasPosted: Bool = true) {
        self.author = author
        self.since = since
        self.hasPosted = hasPosted
    }
}

/// `UNFOLLOW`: goes to the follower's partition.
public struct Unfollow: Hashable, Sendable {
    public let follower: UserID
    public let author: UserID

    public init(follower: UserID, author: UserID) {
        self.follower = follower
        self.author = author
    }
}

extension Follow: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(follower)
        writer.writeArray(authors) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            follower: try reader.readUser(),
            authors: try reader.readArray(elementSize: FollowedAuthor.leastSize) {
                reader throws(BinaryDecodingError) in
                try reader.read()
            }
        )
        guard (1...Follow.largestCount).contains(authors.count) else {
            throw .invalid("follow of \(authors.count) authors")
        }
    }
}

extension FollowedAuthor: BinaryCodable {
    /// The least bytes that one has.
    static let leastSize = 3

    public func encode(into writer: inout BinaryWriter) {
        writer.write(author)
        writer.writeOptional(since) { $0.writeVariable($1) }
        writer.write(hasPosted)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            try reader.readUser(),
            since: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readVariable() },
            hasPosted: try reader.readBool()
        )
    }
}

extension Unfollow: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(follower)
        writer.write(author)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            follower: try reader.readUser(),
            author: try reader.readUser()
        )
    }
}
