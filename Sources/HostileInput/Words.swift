internal import Client
internal import Model
internal import NIOCore
internal import Router

/// Commands that have been read from a connection, as the router understands them.
enum Words {
    /// What separates words in an input.
    private static let separator: UInt8 = 0
    private static let parsing = PartitionLayout(count: 16).map { CommandParsing(layout: $0, answers: answers) }

    /// One of each kind: a node may give any of them to any question.
    private static let answers: [Answer] = {
        let (user, id) = (UserID(5), TweetID(7))
        let tweet = Tweet(id: id, author: user, text: "x", replyTo: id, quoteOf: nil, replies: 1)
        let someone = User(
            id: user,
            username: "u",
            displayName: "",
            bio: "",
            createdAt: 1,
            followers: 1,
            following: 1,
            tweets: 1
        )
        let position = Position(incarnation: 1, index: 1, time: 1)
        return [
            .integer(0), .integer(1), .userID(user), .userID(nil), .tweetID(id), .users([someone, nil]), .users([]),
            .tweets([tweet, nil]), .tweets([]), .existence(users: [], authors: []),
            .existence(users: [KnownUser(id: user, hasPosted: true)], authors: [user, nil]),
            .edges(Page(items: [user], next: EdgeCursor(time: 1, user: user))), .edges(Page(items: [], next: nil)),
            .home(Page(items: [id, id], next: id), position: position, isSinceHonoured: true),
            .home(Page(items: [], next: nil), position: position, isSinceHonoured: false),
            .timeline(Page(items: [id], next: id)), .timelineWithTexts(Page(items: [tweet], next: id)),
            .dump(
                Page(
                    items: [
                        .user(someone), .follow(follower: user, author: user, since: 1),
                        .tweet(tweet, replyToAuthor: user),
                    ],
                    next: DumpPosition(first: 1, second: 1)
                )
            ),
        ]
    }()

    /// The first byte says whose arguments follow; behind 255 comes the command's name too.
    static func commandArguments(_ input: [UInt8]) throws(Finding) {
        guard let parsing, let first = input.first else { return }
        var words = input.dropFirst().split(separator: separator, omittingEmptySubsequences: false).map(Array.init)
        if first < 255 {
            let names = CommandParsing.names
            words.insert(names[Int(first) % names.count], at: 0)
        }
        var unreadable: ByteBuffer?
        let outcome = parsing.outcome(of: words) { reply in
            if !isOneValue(reply) { unreadable = reply }
        }
        if let unreadable { throw Finding("a client could not read \(String(buffer: unreadable))") }
        switch outcome {
        case .write(let command):
            // Nodes must be able to read it.
            let again = try? Command(decoding: command.encoded())
            try Finding.unless(again == command, "\(command) came back as \(String(describing: again))")
            try Finding.unless(command.actor != nil, "\(command) of nobody")
        case .read(let queries):
            for query in queries {
                let again = try? Query(decoding: query.encoded())
                try Finding.unless(again == query, "\(query) came back as \(String(describing: again))")
            }
        case .refused(let text): try Finding.unless(!text.isEmpty, "a refusal without words")
        case .unknown, .own: break
        }
    }

    /// Whether a client reads a reply, and nothing is left of it.
    private static func isOneValue(_ reply: ByteBuffer) -> Bool {
        var (decoder, buffer) = (ReplyDecoder(), reply)
        return (try? decoder.decode(buffer: &buffer)) ?? nil != nil && buffer.readableBytes == 0
    }
}
