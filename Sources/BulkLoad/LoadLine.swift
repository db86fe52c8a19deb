internal import Foundation

/// What is wrong with a line of a file.
package struct LineProblem: Error, Equatable, Sendable, CustomStringConvertible {
    package let path: String
    package let line: Int
    package let what: String

    package var description: String { "\(path):\(line): \(what)" }
}

/// One line of a file to load.
package enum LoadLine: Equatable {
    case follow(follower: UInt64, followee: UInt64)
    case tweet(author: UInt64, text: String, replyTo: UInt64?, quote: UInt64?)

    /// Whose command it is: the lines of one actor are loaded in their order.
    package var actor: UInt64 {
        switch self {
        case .follow(let follower, _): follower
        case .tweet(let author, _, _, _): author
        }
    }

    /// The users that must exist for it.
    package var users: [UInt64] {
        switch self {
        case .follow(let follower, let followee): [follower, followee]
        case .tweet(let author, _, _, _): [author]
        }
    }

    /// - Returns: nil for an empty line or a comment.
    package static func follow(_ text: Substring) throws(LineFault) -> LoadLine? {
        guard !text.isEmpty, !text.hasPrefix("#") else { return nil }
        let parts = text.split(separator: "\t", omittingEmptySubsequences: false)
        guard parts.count == 2, let follower = identifier(parts[0]), let followee = identifier(parts[1]) else {
            throw LineFault("expected 'follower<TAB>followee', found '\(text.prefix(64))'")
        }
        return .follow(follower: follower, followee: followee)
    }

    package static func tweet(_ text: Substring) throws(LineFault) -> LoadLine? {
        guard !text.isEmpty else { return nil }
        guard let tweet = try? JSONDecoder().decode(TweetLine.self, from: Data(text.utf8)) else {
            throw LineFault("expected a JSON object with \"author\" and \"text\", found '\(text.prefix(64))'")
        }
        return .tweet(author: tweet.author, text: tweet.text, replyTo: tweet.replyTo, quote: tweet.quote)
    }

    private static func identifier(_ text: Substring) -> UInt64? {
        guard let value = UInt64(text), value <= UInt64(Int64.max) else { return nil }
        return value
    }

    private struct TweetLine: Decodable {
        let author: UInt64
        let text: String
        let replyTo: UInt64?
        let quote: UInt64?
    }
}

/// What is wrong with a line, without its place.
package struct LineFault: Error {
    package let what: String

    init(_ what: String) {
        self.what = what
    }
}
