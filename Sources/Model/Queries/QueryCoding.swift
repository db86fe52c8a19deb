extension Query: BinaryCodable {
    private enum Kind: UInt8 {
        case users = 1
        case userNamed = 2
        case following = 3
        case followers = 4
        case follows = 5
        case tweets = 6
        case home = 7
        case userTimeline = 8
        case existence = 9
        case dump = 10
    }

    public func encode(into writer: inout BinaryWriter) {
        switch self {
        case .users(let users):
            writer.write(Kind.users.rawValue)
            writer.writeArray(users) { $0.write($1) }
        case .userNamed(let name):
            writer.write(Kind.userNamed.rawValue)
            writer.write(name)
        case .following(let user, let count, let cursor):
            writer.write(Kind.following.rawValue)
            writer.write(user)
            writer.writeCount(count)
            writer.writeOptional(cursor) { $0.write($1) }
        case .followers(let user, let count, let cursor):
            writer.write(Kind.followers.rawValue)
            writer.write(user)
            writer.writeCount(count)
            writer.writeOptional(cursor) { $0.write($1) }
        case .follows(let user, let other):
            writer.write(Kind.follows.rawValue)
            writer.write(user)
            writer.write(other)
        case .tweets(let tweets):
            writer.write(Kind.tweets.rawValue)
            writer.writeArray(tweets) { $0.write($1) }
        case .existence(let users, let tweets):
            writer.write(Kind.existence.rawValue)
            writer.writeArray(users) { $0.write($1) }
            writer.writeArray(tweets) { $0.write($1) }
        case .home(let query):
            writer.write(Kind.home.rawValue)
            writer.write(query)
        case .userTimeline(let user, let count, let before, let withTexts):
            writer.write(Kind.userTimeline.rawValue)
            writer.write(user)
            writer.writeCount(count)
            writer.writeOptional(before) { $0.write($1) }
            writer.write(withTexts)
        case .dump(let query):
            writer.write(Kind.dump.rawValue)
            writer.write(query)
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let raw = try reader.readByte()
        guard let kind = Kind(rawValue: raw) else { throw .invalid("query kind \(raw)") }
        switch kind {
        case .users: self = .users(try reader.readArray { reader throws(BinaryDecodingError) in try reader.readUser() })
        case .userNamed: self = .userNamed(try reader.readString())
        case .following:
            self = .following(
                try reader.readUser(),
                count: try reader.readPageSize(),
                after: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
            )
        case .followers:
            self = .followers(
                try reader.readUser(),
                count: try reader.readPageSize(),
                after: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
            )
        case .follows: self = .follows(try reader.readUser(), try reader.readUser())
        case .tweets:
            self = .tweets(
                try reader.readArray(elementSize: 8) { reader throws(BinaryDecodingError) in try reader.readTweet() }
            )
        case .existence:
            self = .existence(
                users: try reader.readArray { reader throws(BinaryDecodingError) in try reader.readUser() },
                tweets: try reader.readArray(elementSize: 8) { reader throws(BinaryDecodingError) in
                    try reader.readTweet()
                }
            )
        case .home: self = .home(try reader.read())
        case .userTimeline:
            self = .userTimeline(
                try reader.readUser(),
                count: try reader.readPageSize(),
                before: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() },
                withTexts: try reader.readBool()
            )
        case .dump: self = .dump(try reader.read())
        }
    }
}

extension Answer: BinaryCodable {
    private enum Kind: UInt8 {
        case integer = 1
        case userID = 2
        case tweetID = 3
        case users = 4
        case tweets = 5
        case edges = 6
        case home = 7
        case timeline = 8
        case timelineWithTexts = 9
        case existence = 10
        case dump = 11
    }

    public func encode(into writer: inout BinaryWriter) {
        switch self {
        case .integer(let value):
            writer.write(Kind.integer.rawValue)
            writer.writeFixed(value)
        case .userID(let user):
            writer.write(Kind.userID.rawValue)
            writer.writeOptional(user) { $0.write($1) }
        case .tweetID(let tweet):
            writer.write(Kind.tweetID.rawValue)
            writer.write(tweet)
        case .users(let users):
            writer.write(Kind.users.rawValue)
            writer.writeArray(users) { writer, user in writer.writeOptional(user) { $0.write($1) } }
        case .tweets(let tweets):
            writer.write(Kind.tweets.rawValue)
            writer.writeArray(tweets) { writer, tweet in writer.writeOptional(tweet) { $0.write($1) } }
        case .existence(let users, let authors):
            writer.write(Kind.existence.rawValue)
            writer.writeArray(users) { $0.write($1) }
            writer.writeArray(authors) { writer, author in writer.writeOptional(author) { $0.write($1) } }
        case .edges(let page):
            writer.write(Kind.edges.rawValue)
            writer.writeArray(page.items) { $0.write($1) }
            writer.writeOptional(page.next) { $0.write($1) }
        case .home(let page, let position, let isSinceHonoured):
            writer.write(Kind.home.rawValue)
            writer.write(position)
            writer.write(isSinceHonoured)
            writer.write(ids: page)
        case .timeline(let page):
            writer.write(Kind.timeline.rawValue)
            writer.write(ids: page)
        case .timelineWithTexts(let page):
            writer.write(Kind.timelineWithTexts.rawValue)
            writer.writeArray(page.items) { $0.write($1) }
            writer.writeOptional(page.next) { $0.write($1) }
        case .dump(let page):
            writer.write(Kind.dump.rawValue)
            writer.writeArray(page.items) { $0.write($1) }
            writer.writeOptional(page.next) { $0.write($1) }
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let raw = try reader.readByte()
        guard let kind = Kind(rawValue: raw) else { throw .invalid("answer kind \(raw)") }
        switch kind {
        case .integer: self = .integer(try reader.readFixed())
        case .userID:
            self = .userID(
                try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() }
            )
        case .tweetID: self = .tweetID(try reader.readTweet())
        case .users:
            self = .users(
                try reader.readArray { reader throws(BinaryDecodingError) in
                    try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read(User.self) }
                }
            )
        case .tweets:
            self = .tweets(
                try reader.readArray { reader throws(BinaryDecodingError) in
                    try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read(Tweet.self) }
                }
            )
        case .existence:
            self = .existence(
                users: try reader.readArray(elementSize: KnownUser.leastSize) { reader throws(BinaryDecodingError) in
                    try reader.read()
                },
                authors: try reader.readArray { reader throws(BinaryDecodingError) in
                    try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() }
                }
            )
        case .edges:
            self = .edges(
                Page(
                    items: try reader.readArray { reader throws(BinaryDecodingError) in try reader.readUser() },
                    next: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
                )
            )
        case .home:
            let position = try reader.read(Position.self)
            let isSinceHonoured = try reader.readBool()
            self = .home(try reader.readIDPage(), position: position, isSinceHonoured: isSinceHonoured)
        case .timeline: self = .timeline(try reader.readIDPage())
        case .timelineWithTexts:
            self = .timelineWithTexts(
                Page(
                    items: try reader.readArray { reader throws(BinaryDecodingError) in try reader.read(Tweet.self) },
                    next: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() }
                )
            )
        case .dump:
            self = .dump(
                Page(
                    items: try reader.readArray { reader throws(BinaryDecodingError) in
                        try reader.read(DumpItem.self)
                    },
                    next: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
                )
            )
        }
    }
}

extension BinaryWriter {
    fileprivate mutating func write(ids page: Page<TweetID, TweetID>) {
        writeArray(page.items) { $0.write($1) }
        writeOptional(page.next) { $0.write($1) }
    }
}

extension BinaryReader {
    fileprivate mutating func readIDPage() throws(BinaryDecodingError) -> Page<TweetID, TweetID> {
        let items = try readArray(elementSize: 8) { reader throws(BinaryDecodingError) in try reader.readTweet() }
        let next = try readOptional { reader throws(BinaryDecodingError) in try reader.readTweet() }
        return Page(items: items, next: next)
    }
}
