internal import Model
internal import Wire

/// Our objects as front ends see them.
enum Replies {
    static func error(_ refusal: Refusal) -> RESPValue {
        .error("\(refusal.code.word) \(refusal.message)")
    }

    static func integer(_ answer: Answer) throws(Refusal) -> RESPValue {
        guard case .integer(let value) = answer else { throw Plan.strangeAnswer }
        return .integer(value)
    }

    /// A count or time that another process says: one that does not fit is as large as fits.
    static func number(_ value: some BinaryInteger) -> RESPValue { .integer(Int64(clamping: value)) }

    static func user(_ user: User) -> RESPValue {
        .map([
            ("id", .id(user.id.rawValue)),
            ("username", .bulk(user.username)),
            ("name", .bulk(user.displayName)),
            ("bio", .bulk(user.bio)),
            ("createdAt", number(user.createdAt)),
            ("followers", number(user.followers)),
            ("following", number(user.following)),
            ("tweets", number(user.tweets)),
        ])
    }

    static func tweet(_ tweet: Tweet) -> RESPValue {
        var fields: [(field: String, value: RESPValue)] = []
        fields.reserveCapacity(9)
        fields.append(("id", .id(tweet.id.rawValue)))
        fields.append(("author", .id(tweet.author.rawValue)))
        fields.append(("text", .bulk(tweet.text)))
        fields.append(("createdAt", number(tweet.createdAt)))
        if let replyTo = tweet.replyTo { fields.append(("replyTo", .id(replyTo.rawValue))) }
        if let quoteOf = tweet.quoteOf { fields.append(("quoteOf", .id(quoteOf.rawValue))) }
        fields.append(("likes", .integer(0)))
        fields.append(("retweets", .integer(0)))
        fields.append(("replies", number(tweet.replies)))
        return .map(fields)
    }

    /// A list's page: where it goes on, empty at the end, then the items.
    static func page(next: String?, _ items: RESPValue) -> RESPValue {
        .array([.bulk(next ?? ""), items])
    }
}
