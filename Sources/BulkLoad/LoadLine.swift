internal import Foundation

/// What is wrong with a line of a file.
package struct LineProblem: Error, Equatable, Sendable, CustomStringConvertible {
    package let path: String
    package let line: Int
    package let what: String

    package var description: String { "\(path):\(line): \(what)" }
}

/// One line of a file to load.
package enum LoadLine: Equatable, Sendable {
    case user(UserLine)
    case follow(FollowLine)
    case tweet(TweetLine)

    /// Whose command it is: the lines of one actor are loaded in their order.
    package var actor: UInt64 {
        switch self {
        case .user(let user): user.id.value
        case .follow(let follow): follow.follower.value
        case .tweet(let tweet): tweet.author.value
        }
    }

    /// The users that must exist for it.
    package var users: [UInt64] {
        switch self {
        case .user: []
        case .follow(let follow): [follow.follower.value, follow.author.value]
        case .tweet(let tweet): [tweet.author.value]
        }
    }

    /// Lines of one kind may be loaded at the same time; those of the next kind need them.
    package func isOfTheKind(of other: LoadLine) -> Bool {
        switch (self, other) {
        case (.user, .user), (.follow, .follow), (.tweet, .tweet): true
        default: false
        }
    }

    /// A line of an edge list.
    ///
    /// - Returns: nil for an empty line or a comment.
    package static func follow(_ text: Substring) throws(LineFault) -> LoadLine? {
        guard !text.isEmpty, !text.hasPrefix("#") else { return nil }
        let parts = text.split(separator: "\t", omittingEmptySubsequences: false)
        guard parts.count == 2, let follower = Identifier(parts[0]), let author = Identifier(parts[1]) else {
            throw LineFault("expected 'follower<TAB>followee', found '\(text.prefix(64))'")
        }
        return .follow(FollowLine(follower: follower, author: author))
    }

    /// A line of a file of tweets.
    package static func tweet(_ text: Substring) throws(LineFault) -> LoadLine? {
        guard !text.isEmpty else { return nil }
        guard let tweet = try? JSONDecoder().decode(TweetLine.self, from: Data(text.utf8)) else {
            throw LineFault("expected a JSON object with \"author\" and \"text\", found '\(text.prefix(64))'")
        }
        return .tweet(tweet)
    }

    /// A line of a dump.
    package static func dumped(_ text: Substring) throws(LineFault) -> LoadLine? {
        guard !text.isEmpty else { return nil }
        guard let line = try? JSONDecoder().decode(DumpLine.self, from: Data(text.utf8)) else {
            throw LineFault("expected a JSON object with \"user\", \"follow\" or \"tweet\", found '\(text.prefix(64))'")
        }
        return line.content
    }
}

/// A user in a dump.
package struct UserLine: Codable, Equatable, Sendable {
    package let id: Identifier
    package let username: String
    package let name: String
    package let bio: String
    /// In milliseconds since 1970; nil for a user who begins when loaded.
    package let createdAt: UInt64?
}

/// A follow edge.
package struct FollowLine: Codable, Equatable, Sendable {
    package let follower: Identifier
    package let author: Identifier
    /// In microseconds since 1970; nil for an edge that begins when it is loaded.
    package let since: UInt64?

    package init(follower: Identifier, author: Identifier, since: UInt64? = nil) {
        self.follower = follower
        self.author = author
        self.since = since
    }
}

/// A tweet. With an id it is one of a dump, and is loaded as it was; else it is posted anew.
package struct TweetLine: Codable, Equatable, Sendable {
    package let id: Identifier?
    package let author: Identifier
    package let text: String
    package let replyTo: Identifier?
    /// Who wrote the tweet replied to, which may be gone.
    package let replyToAuthor: Identifier?
    package let quote: Identifier?
}

/// A line of a dump: one of the three.
package struct DumpLine: Codable, Equatable, Sendable {
    package let content: LoadLine

    package init(_ content: LoadLine) {
        self.content = content
    }

    private enum CodingKeys: String, CodingKey {
        case user, follow, tweet
    }

    package init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if container.contains(.user) {
            content = .user(try container.decode(UserLine.self, forKey: .user))
        } else if container.contains(.follow) {
            content = .follow(try container.decode(FollowLine.self, forKey: .follow))
        } else {
            content = .tweet(try container.decode(TweetLine.self, forKey: .tweet))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch content {
        case .user(let user): try container.encode(user, forKey: .user)
        case .follow(let follow): try container.encode(follow, forKey: .follow)
        case .tweet(let tweet): try container.encode(tweet, forKey: .tweet)
        }
    }
}

/// An id in a file: from 0 to 2^63 - 1, written as text, which no reader of JSON rounds, and read as a number too.
package struct Identifier: Codable, Equatable, Hashable, Sendable {
    package let value: UInt64

    package init?(_ value: UInt64) {
        guard value <= UInt64(Int64.max) else { return nil }
        self.value = value
    }

    package init?(_ text: some StringProtocol) {
        guard let value = UInt64(text) else { return nil }
        self.init(value)
    }

    package init(from decoder: any Swift.Decoder) throws {
        let container = try decoder.singleValueContainer()
        let found = (try? container.decode(UInt64.self)).flatMap { Identifier($0) }
        guard let identifier = try found ?? Identifier(container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an id")
        }
        self = identifier
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(String(value))
    }
}

/// What is wrong with a line, without its place.
package struct LineFault: Error, CustomStringConvertible {
    package let what: String

    package var description: String { what }

    init(_ what: String) {
        self.what = what
    }
}
