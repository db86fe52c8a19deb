internal import Messages
internal import Model
internal import Wire

/// `FOLLOW`, `UNFOLLOW` and the lists of edges.
enum FollowCommands {
    static let defaultCount = 20
    static let largestCount = 200

    static let all: [CommandSpec] = [
        CommandSpec(
            "FOLLOW",
            arity: -3,
            .follows,
            isWrite: true,
            "user other [other ...]",
            "Makes a user follow others, all of them or none; answers how many are new"
        ) { arguments, context throws(Refusal) in
            _ = try context.requireLayout()
            let user = try arguments.user()
            guard arguments.remaining <= Follow.largestCount else {
                throw .invalid("\(arguments.remaining) users to follow, at most \(Follow.largestCount) at once")
            }
            var authors: [FollowedAuthor] = []
            while arguments.remaining > 0 {
                authors.append(FollowedAuthor(try other(than: user, &arguments)))
            }
            return .write(.follow(Follow(follower: user, authors: authors)), Replies.integer)
        },
        CommandSpec("UNFOLLOW", arity: 3, .follows, isWrite: true, "user other", "Ends a follow") {
            arguments,
            context throws(Refusal) in
            _ = try context.requireLayout()
            let user = try arguments.user()
            let other = try other(than: user, &arguments)
            return .write(.unfollow(Unfollow(follower: user, author: other)), Replies.integer)
        },
        CommandSpec("FOLLOWS", arity: 3, .follows, "user other", "Answers whether a user follows another") {
            arguments,
            context throws(Refusal) in
            try follows(try arguments.user(), try arguments.user(), try context.requireLayout())
        },
        CommandSpec(
            "FOLLOWING",
            arity: -2,
            .follows,
            "user [COUNT n] [CURSOR cursor]",
            "Lists whom a user follows, newest first"
        ) { arguments, context throws(Refusal) in
            try edges(&arguments, context, .following) { .following($0, count: $1, after: $2) }
        },
        CommandSpec(
            "FOLLOWERS",
            arity: -2,
            .follows,
            "user [COUNT n] [CURSOR cursor]",
            "Lists who follows a user, newest first"
        ) { arguments, context throws(Refusal) in
            try edges(&arguments, context, .followers) { .followers($0, count: $1, after: $2) }
        },
    ]

    static func other(than user: UserID, _ arguments: inout Arguments) throws(Refusal) -> UserID {
        let other = try arguments.user()
        guard user != other else { throw .invalid("users cannot follow themselves") }
        return other
    }

    private static func follows(_ user: UserID, _ other: UserID, _ layout: PartitionLayout) throws(Refusal) -> Plan {
        let query = PartitionQuery(partition: layout.partition(of: user), query: .follows(user, other))
        return .read(query) { answer throws(Refusal) in
            guard case .integer(let value) = answer else { throw Plan.strangeAnswer }
            guard value == 0 else { return .reply(.integer(value)) }
            let existence = PartitionQuery(
                partition: layout.partition(of: other),
                query: .existence(users: [other], tweets: [])
            )
            return .read(existence) { answer throws(Refusal) in
                guard case .existence(let users, _) = answer else { throw Plan.strangeAnswer }
                guard users.contains(where: { $0.id == other }) else { throw .notFound(other) }
                return .reply(.integer(0))
            }
        }
    }

    private static func edges(
        _ arguments: inout Arguments,
        _ context: CommandContext,
        _ kind: Cursor.Kind,
        _ query: (UserID, Int, EdgeCursor?) -> Query
    ) throws(Refusal) -> Plan {
        let layout = try context.requireLayout()
        let user = try arguments.user()
        var page = PageOptions<EdgeCursor>(kind, of: user, count: defaultCount, largest: largestCount)
        try arguments.options { option, arguments throws(Refusal) in try page.take(option, from: &arguments) }
        let part = PartitionQuery(partition: layout.partition(of: user), query: query(user, page.count, page.after))
        return .read(part) { answer throws(Refusal) in
            guard case .edges(let page) = answer else { throw Plan.strangeAnswer }
            let next = page.next.map { Cursor.text(kind, of: user, $0) }
            return .reply(Replies.page(next: next, .ids(page.items.map(\.rawValue))))
        }
    }
}
