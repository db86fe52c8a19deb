/// A read of one partition.
public enum Query: Hashable, Sendable {
    case users([UserID])
    /// By folded name, in the name's partition.
    case userNamed(String)
    case following(UserID, count: Int, after: EdgeCursor?)
    case followers(UserID, count: Int, after: EdgeCursor?)
    case follows(UserID, UserID)
    case tweets([TweetID])
    /// Whether users exist, and who wrote tweets: what another partition's primary asks before a command that names
    /// them enters its log.
    case existence(users: [UserID], tweets: [TweetID])
    case home(HomeQuery)
    case userTimeline(UserID, count: Int, before: TweetID?, withTexts: Bool)
    case dump(DumpQuery)

    /// The users whose earlier writes must have taken effect first.
    public var actors: [UserID] {
        switch self {
        case .users(let users): users
        case .userNamed, .tweets, .existence, .dump: []
        case .following(let user, _, _), .followers(let user, _, _), .follows(let user, _): [user]
        case .home(let query): [query.reader]
        case .userTimeline(let user, _, _, _): [user]
        }
    }
}

/// `TIMELINE.HOME`.
public struct HomeQuery: Hashable, Sendable {
    public let reader: UserID
    public let count: Int
    /// The last tweet of the page before.
    public let before: TweetID?
    /// Only what became visible after this.
    public let since: Position?

    public init(reader: UserID, count: Int, before: TweetID? = nil, since: Position? = nil) {
        self.reader = reader
        self.count = count
        self.before = before
        self.since = since
    }
}

/// What other partitions may know of a user.
public struct KnownUser: Hashable, Sendable {
    public let id: UserID
    /// Whether there ever was a tweet of theirs.
    public let hasPosted: Bool

    public init(id: UserID, hasPosted: Bool) {
        self.id = id
        self.hasPosted = hasPosted
    }
}

/// What a partition answers to a query or a command.
public enum Answer: Hashable, Sendable {
    case integer(Int64)
    case userID(UserID?)
    case tweetID(TweetID)
    case users([User?])
    case tweets([Tweet?])
    /// The users who exist among those asked for, and the authors of the tweets, nil where there is no such tweet.
    case existence(users: [KnownUser], authors: [UserID?])
    case edges(Page<UserID, EdgeCursor>)
    case home(Page<TweetID, TweetID>, position: Position, isSinceHonoured: Bool)
    case timeline(Page<TweetID, TweetID>)
    case timelineWithTexts(Page<Tweet, TweetID>)
    case dump(Page<DumpItem, DumpPosition>)
}

extension HomeQuery: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(reader)
        writer.writeCount(count)
        writer.writeOptional(before) { $0.write($1) }
        writer.writeOptional(since) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            reader: try reader.readUser(),
            count: try reader.readPageSize(),
            before: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() },
            since: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
        )
    }
}

extension KnownUser: BinaryCodable {
    /// The least bytes that one has.
    static let leastSize = 2

    public func encode(into writer: inout BinaryWriter) {
        writer.write(id)
        writer.write(hasPosted)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(id: try reader.readUser(), hasPosted: try reader.readBool())
    }
}

extension BinaryReader {
    /// A page size: routers allow less, and nothing here allocates by more than this.
    mutating func readPageSize() throws(BinaryDecodingError) -> Int {
        let value = try readVariable()
        guard value <= 10_000 else { throw .invalid("page of \(value)") }
        return Int(value)
    }
}
