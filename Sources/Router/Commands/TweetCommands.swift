internal import Messages
internal import Model
internal import Wire

/// `TWEET.*`
enum TweetCommands {
    static let all: [CommandSpec] = [
        CommandSpec(
            "TWEET.POST",
            arity: -3,
            .tweets,
            isWrite: true,
            "author text [REPLYTO id] [QUOTE id] [KEY token]",
            "Posts a tweet and answers its id"
        ) { arguments, context throws(Refusal) in
            _ = try context.requireLayout()
            let author = try arguments.user()
            let text = try TextRules.tweet(try arguments.text("text"))
            var replyTo: TweetID?
            var quote: TweetID?
            var key: IdempotencyKey?
            try arguments.options { option, arguments throws(Refusal) in
                switch option {
                case "REPLYTO": replyTo = try arguments.tweet()
                case "QUOTE": quote = try arguments.tweet()
                case "KEY": key = try arguments.key()
                default: return false
                }
                return true
            }
            let command = PostTweet(author: author, text: text, replyTo: replyTo, quote: quote, key: key)
            return .write(.postTweet(command)) { answer throws(Refusal) in
                guard case .tweetID(let tweet) = answer else { throw Plan.strangeAnswer }
                return .id(tweet.rawValue)
            }
        },
        CommandSpec("TWEET.GET", arity: -2, .tweets, "id [id ...]", "Answers tweets, null for those that do not exist")
        {
            arguments,
            context throws(Refusal) in
            var tweets: [TweetID] = []
            while arguments.remaining > 0 {
                tweets.append(try arguments.tweet())
            }
            return texts(of: tweets, try context.requireLayout()) { .array($0) }
        },
        CommandSpec("TWEET.DELETE", arity: 3, .tweets, isWrite: true, "author id", "Deletes a tweet of its author") {
            arguments,
            context throws(Refusal) in
            _ = try context.requireLayout()
            let command = DeleteTweet(author: try arguments.user(), tweet: try arguments.tweet())
            return .write(.deleteTweet(command), Replies.integer)
        },
    ]

    /// Fetches tweets, one request a node: null for those that are gone, an error for those whose partition does not
    /// answer.
    ///
    /// - Parameter isPage: whether they are a page's, which is not to wait for a primary that is gone.
    static func texts(
        of tweets: [TweetID],
        isPage: Bool = false,
        _ layout: PartitionLayout,
        _ reply: @escaping ([RESPValue]) -> RESPValue
    ) -> Plan {
        let groups = Scatter(tweets) { layout.partition(of: $0) }
        return .gather(groups.queries { .tweets($0) }, isOfPage: isPage) { results in
            .reply(
                reply(
                    groups.gather(results) { answer in
                        guard case .tweets(let tweets) = answer else { return nil }
                        return tweets.map { $0.map(Replies.tweet) ?? .null }
                    }
                )
            )
        }
    }
}
