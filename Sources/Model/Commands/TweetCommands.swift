/// `TWEET.POST`: goes to the author's partition.
public struct PostTweet: Hashable, Sendable {
    public let author: UserID
    /// Normalized and within the limit.
    public let text: String
    public let replyTo: TweetID?
    /// Who wrote the tweet replied to: found out by the primary before the command enters the log.
    public var replyToAuthor: UserID?
    public let quote: TweetID?
    public let key: IdempotencyKey?

    public init(
        author: UserID,
        text: String,
        replyTo: TweetID? = nil,
        replyToAuthor: UserID? = nil,
        quote: TweetID? = nil,
        key: IdempotencyKey? = nil
    ) {
        self.author = author
        self.text = text
        self.replyTo = replyTo
        self.replyToAuthor = replyToAuthor
        self.quote = quote
        self.key = key
    }
}

/// `RESTORE.TWEET`: a tweet of another cluster, as it was there; goes to the author's partition. What it refers to may be
/// gone, or come later.
public struct RestoreTweet: Hashable, Sendable {
    public let tweet: TweetID
    public let author: UserID
    /// Normalized and within the limit.
    public let text: String
    public let replyTo: TweetID?
    public let replyToAuthor: UserID?
    public let quote: TweetID?

    public init(
        tweet: TweetID,
        author: UserID,
        text: String,
        replyTo: TweetID? = nil,
        replyToAuthor: UserID? = nil,
        quote: TweetID? = nil
    ) {
        self.tweet = tweet
        self.author = author
        self.text = text
        self.replyTo = replyTo
        self.replyToAuthor = replyToAuthor
        self.quote = quote
    }
}

/// `TWEET.DELETE`: goes to the author's partition.
public struct DeleteTweet: Hashable, Sendable {
    public let author: UserID
    public let tweet: TweetID

    public init(author: UserID, tweet: TweetID) {
        self.author = author
        self.tweet = tweet
    }
}

extension PostTweet: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(author)
        writer.write(text)
        writer.writeOptional(replyTo) { $0.write($1) }
        writer.writeOptional(replyToAuthor) { $0.write($1) }
        writer.writeOptional(quote) { $0.write($1) }
        writer.writeOptional(key) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            author: try reader.readUser(),
            text: try reader.readString(),
            replyTo: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() },
            replyToAuthor: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() },
            quote: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() },
            key: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
        )
    }
}

extension RestoreTweet: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(tweet)
        writer.write(author)
        writer.write(text)
        writer.writeOptional(replyTo) { $0.write($1) }
        writer.writeOptional(replyToAuthor) { $0.write($1) }
        writer.writeOptional(quote) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            tweet: try reader.readTweet(),
            author: try reader.readUser(),
            text: try reader.readString(),
            replyTo: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() },
            replyToAuthor: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() },
            quote: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() }
        )
    }
}

extension DeleteTweet: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(author)
        writer.write(tweet)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            author: try reader.readUser(),
            tweet: try reader.readTweet()
        )
    }
}
