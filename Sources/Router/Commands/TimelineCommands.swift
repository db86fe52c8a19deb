internal import Messages
internal import Model
internal import Wire

/// `TIMELINE.*`
enum TimelineCommands {
    private static let defaultCount = 50
    private static let largestCount = 200

    static let all: [CommandSpec] = [
        CommandSpec(
            "TIMELINE.HOME",
            arity: -2,
            .timelines,
            "user [COUNT n] [CURSOR cursor] [SINCE position] [IDS]",
            "Reads a user's home timeline, newest first"
        ) { arguments, context throws(Refusal) in
            let layout = try context.requireLayout()
            return try HomeRequest(&arguments).plan(layout)
        },
        CommandSpec(
            "TIMELINE.USER",
            arity: -2,
            .timelines,
            "user [COUNT n] [CURSOR cursor] [IDS]",
            "Reads the tweets of one user, newest first"
        ) { arguments, context throws(Refusal) in
            try userTimeline(&arguments, try context.requireLayout())
        },
    ]

    /// The arguments of `TIMELINE.HOME`.
    private struct HomeRequest {
        let user: UserID
        let count: Int
        let cursor: HomeCursor?
        let since: Position?
        let idsOnly: Bool

        init(_ arguments: inout Arguments) throws(Refusal) {
            let user = try arguments.user()
            var page = PageOptions<HomeCursor>(.home, of: user, count: defaultCount, largest: largestCount)
            var since: Position?
            var idsOnly = false
            try arguments.options { option, arguments throws(Refusal) in
                switch option {
                case "SINCE":
                    let text = try arguments.next()
                    since = text.isEmpty ? nil : try Cursor.parse(text, as: .position, of: user)
                case "IDS": idsOnly = true
                default: return try page.take(option, from: &arguments)
                }
                return true
            }
            self.user = user
            count = page.count
            cursor = page.after
            self.idsOnly = idsOnly
            // A cursor goes on with the first page's `SINCE`.
            self.since = page.after == nil ? since : page.after?.since
        }

        func plan(_ layout: PartitionLayout) -> Plan {
            let query = HomeQuery(reader: user, count: count, before: cursor?.before, since: since)
            let part = PartitionQuery(partition: layout.partition(of: user), query: .home(query))
            return .read(part) { answer throws(Refusal) in
                guard case .home(let page, let position, let isSinceHonoured) = answer else {
                    throw Plan.strangeAnswer
                }
                let first = cursor?.position ?? position
                let next = page.next.map {
                    HomeCursor(before: $0, since: isSinceHonoured ? since : nil, position: first)
                }
                let head = next.map { Cursor.text(.home, of: user, $0) } ?? ""
                let mark = Cursor.text(.position, of: user, first)
                if idsOnly { return .reply(.array([.bulk(head), .ids(page.items.map(\.rawValue)), .bulk(mark)])) }
                return TweetCommands.texts(of: page.items, isPage: true, layout) { tweets in
                    // A tweet that was deleted since the page was made is no part of it.
                    .array([.bulk(head), .array(tweets.filter { $0 != .null }), .bulk(mark)])
                }
            }
        }
    }

    private static func userTimeline(_ arguments: inout Arguments, _ layout: PartitionLayout) throws(Refusal) -> Plan {
        let user = try arguments.user()
        var page = PageOptions<TweetID>(.userTimeline, of: user, count: defaultCount, largest: largestCount)
        var idsOnly = false
        try arguments.options { option, arguments throws(Refusal) in
            guard option == "IDS" else { return try page.take(option, from: &arguments) }
            idsOnly = true
            return true
        }
        let query = Query.userTimeline(user, count: page.count, before: page.after, withTexts: !idsOnly)
        return .read(PartitionQuery(partition: layout.partition(of: user), query: query)) { answer throws(Refusal) in
            func cursor(_ tweet: TweetID?) -> String? { tweet.map { Cursor.text(.userTimeline, of: user, $0) } }
            switch answer {
            case .timeline(let page):
                return .reply(Replies.page(next: cursor(page.next), .ids(page.items.map(\.rawValue))))
            case .timelineWithTexts(let page):
                return .reply(Replies.page(next: cursor(page.next), .array(page.items.map(Replies.tweet))))
            default: throw Plan.strangeAnswer
            }
        }
    }
}
