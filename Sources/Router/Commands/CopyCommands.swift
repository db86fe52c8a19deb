internal import Messages
internal import Model
internal import Wire

/// `DUMP.*` and `RESTORE.*`: what `rookery dump` and `rookery load` copy a cluster with.
enum CopyCommands {
    private static let largestCount = 1_000

    static let all: [CommandSpec] = [
        CommandSpec(
            "DUMP.PARTITION",
            arity: -3,
            .copies,
            "partition USERS|FOLLOWS|TWEETS [COUNT n] [CURSOR cursor]",
            "Lists everything of one kind that a partition has"
        ) { arguments, context throws(Refusal) in
            try dump(&arguments, try context.requireLayout())
        },
        CommandSpec(
            "RESTORE.FOLLOW",
            arity: -4,
            .copies,
            isWrite: true,
            "user other microseconds [other microseconds ...]",
            "Makes a user follow others as they did elsewhere, since the times given; answers how many are new"
        ) { arguments, context throws(Refusal) in
            _ = try context.requireLayout()
            let user = try arguments.user()
            guard arguments.remaining <= 2 * Follow.largestCount else {
                throw .invalid("\(arguments.remaining / 2) users to follow, at most \(Follow.largestCount) at once")
            }
            var authors: [FollowedAuthor] = []
            while arguments.remaining > 0 {
                let other = try FollowCommands.other(than: user, &arguments)
                authors.append(FollowedAuthor(other, since: try arguments.time("time")))
            }
            return .write(.follow(Follow(follower: user, authors: authors)), Replies.integer)
        },
        CommandSpec(
            "RESTORE.TWEET",
            arity: -4,
            .copies,
            isWrite: true,
            "id author text [REPLYTO id author] [QUOTE id]",
            "Takes a tweet as it was elsewhere; answers 0 where it is there already"
        ) { arguments, context throws(Refusal) in
            _ = try context.requireLayout()
            let tweet = try arguments.tweet()
            let author = try arguments.user("author")
            let text = try TextRules.tweet(try arguments.text("text"))
            var parent: (tweet: TweetID, author: UserID)?
            var quote: TweetID?
            try arguments.options { option, arguments throws(Refusal) in
                switch option {
                case "REPLYTO": parent = (try arguments.tweet(), try arguments.user("author"))
                case "QUOTE": quote = try arguments.tweet()
                default: return false
                }
                return true
            }
            let command = RestoreTweet(
                tweet: tweet,
                author: author,
                text: text,
                replyTo: parent?.tweet,
                replyToAuthor: parent?.author,
                quote: quote
            )
            return .write(.restoreTweet(command), Replies.integer)
        },
    ]

    private static func dump(_ arguments: inout Arguments, _ layout: PartitionLayout) throws(Refusal) -> Plan {
        let number = try arguments.integer("partition", in: 0...(layout.count - 1))
        let kind = try kind(try arguments.next())
        let partition = PartitionID(UInt16(number))
        // Cursors belong to users; a partition's dumps have ids of their own.
        let owner = UserID(UInt64(number) * 4 + UInt64(kind.rawValue))
        var page = PageOptions<DumpPosition>(.dump, of: owner, count: largestCount, largest: largestCount)
        try arguments.options { option, arguments throws(Refusal) in try page.take(option, from: &arguments) }
        let query = Query.dump(DumpQuery(kind: kind, count: page.count, after: page.after))
        return .read(PartitionQuery(partition: partition, query: query)) { answer throws(Refusal) in
            guard case .dump(let page) = answer else { throw Plan.strangeAnswer }
            let next = page.next.map { Cursor.text(.dump, of: owner, $0) }
            return .reply(Replies.page(next: next, .array(page.items.map(value))))
        }
    }

    private static func kind(_ word: [UInt8]) throws(Refusal) -> DumpQuery.Kind {
        switch String(decoding: word, as: UTF8.self).uppercased() {
        case "USERS": return .users
        case "FOLLOWS": return .follows
        case "TWEETS": return .tweets
        default: throw .invalid("'\(Arguments.shown(word))' is not USERS, FOLLOWS or TWEETS")
        }
    }

    private static func value(_ item: DumpItem) -> RESPValue {
        switch item {
        case .user(let user): return Replies.user(user)
        case .follow(let follower, let author, let since):
            return .map([
                ("follower", .id(follower.rawValue)),
                ("author", .id(author.rawValue)),
                ("since", Replies.number(since)),
            ])
        case .tweet(let tweet, let replyToAuthor):
            guard case .map(var fields) = Replies.tweet(tweet) else { return .null }
            if let replyToAuthor { fields.append(("replyToAuthor", .id(replyToAuthor.rawValue))) }
            return .map(fields)
        }
    }
}
