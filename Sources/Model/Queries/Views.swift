/// A user as front ends see them: what `USER.GET` answers.
public struct User: Hashable, Sendable {
    public let id: UserID
    public let username: String
    public let displayName: String
    public let bio: String
    public let createdAt: Milliseconds
    public let followers: UInt64
    public let following: UInt64
    public let tweets: UInt64

    public init(
        id: UserID,
        username: String,
        displayName: String,
        bio: String,
        createdAt: Milliseconds,
        followers: UInt64,
        following: UInt64,
        tweets: UInt64
    ) {
        self.id = id
        self.username = username
        self.displayName = displayName
        self.bio = bio
        self.createdAt = createdAt
        self.followers = followers
        self.following = following
        self.tweets = tweets
    }
}

/// A tweet as front ends see it: what `TWEET.GET` answers.
public struct Tweet: Hashable, Sendable {
    public let id: TweetID
    public let author: UserID
    public let text: String
    public let replyTo: TweetID?
    public let quoteOf: TweetID?
    public let replies: UInt64

    public init(
        id: TweetID,
        author: UserID,
        text: String,
        replyTo: TweetID?,
        quoteOf: TweetID?,
        replies: UInt64
    ) {
        self.id = id
        self.author = author
        self.text = text
        self.replyTo = replyTo
        self.quoteOf = quoteOf
        self.replies = replies
    }

    /// The id says when it was minted.
    public var createdAt: Milliseconds { Snowflake.time(of: id.rawValue) }
}

/// A mark of arrival in a partition: what a home read returns and `SINCE` takes.
public struct Position: Hashable, Sendable {
    /// The run of the replica that answered; a position of another run tells it nothing.
    public let incarnation: UInt64
    /// The last entry that the answer had taken in.
    public let index: LogIndex
    /// When that entry entered the log.
    public let time: Microseconds

    public init(incarnation: UInt64, index: LogIndex, time: Microseconds) {
        self.incarnation = incarnation
        self.index = index
        self.time = time
    }
}

/// Where a page of edges goes on: behind this edge, newest first.
public struct EdgeCursor: Hashable, Sendable {
    public let time: Microseconds
    public let user: UserID

    public init(time: Microseconds, user: UserID) {
        self.time = time
        self.user = user
    }
}

/// A page of a list, with where it goes on; nil at the end.
public struct Page<Item: Hashable & Sendable, Next: Hashable & Sendable>: Hashable, Sendable {
    public let items: [Item]
    public let next: Next?

    public init(items: [Item], next: Next?) {
        self.items = items
        self.next = next
    }
}

extension User: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(id)
        writer.write(username)
        writer.write(displayName)
        writer.write(bio)
        writer.writeVariable(createdAt)
        writer.writeVariable(followers)
        writer.writeVariable(following)
        writer.writeVariable(tweets)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            id: try reader.readUser(),
            username: try reader.readString(),
            displayName: try reader.readString(),
            bio: try reader.readString(),
            createdAt: try reader.readVariable(),
            followers: try reader.readVariable(),
            following: try reader.readVariable(),
            tweets: try reader.readVariable()
        )
    }
}

extension Tweet: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(id)
        writer.write(author)
        writer.write(text)
        writer.writeOptional(replyTo) { $0.write($1) }
        writer.writeOptional(quoteOf) { $0.write($1) }
        writer.writeVariable(replies)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            id: try reader.readTweet(),
            author: try reader.readUser(),
            text: try reader.readString(),
            replyTo: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() },
            quoteOf: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() },
            replies: try reader.readVariable()
        )
    }
}

extension Position: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeFixed(incarnation)
        writer.writeVariable(index)
        writer.writeVariable(time)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            incarnation: try reader.readFixed(),
            index: try reader.readVariable(),
            time: try reader.readVariable()
        )
    }
}

extension EdgeCursor: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(time)
        writer.write(user)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(time: try reader.readVariable(), user: try reader.readUser())
    }
}
