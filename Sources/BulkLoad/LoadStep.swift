/// Lines of a file that are loaded by one command.
struct LoadStep: Sendable {
    typealias Line = (number: Int, line: LoadLine)

    /// Follows of one user that one command carries out together.
    private static let followsTogether = 100

    private(set) var lines: [Line]

    /// Gathers what one command can do. The lines of one actor stay in their order.
    static func gather(_ lines: some Sequence<Line>) -> [LoadStep] {
        var steps: [LoadStep] = []
        var open: [Group: Int] = [:]
        for line in lines {
            guard case .follow(let follow) = line.line else {
                steps.append(LoadStep(lines: [line]))
                continue
            }
            let group = Group(follower: follow.follower.value, isDated: follow.since != nil)
            if let index = open[group], steps[index].lines.count < followsTogether {
                steps[index].lines.append(line)
            } else {
                open[group] = steps.count
                steps.append(LoadStep(lines: [line]))
            }
        }
        return steps
    }

    /// The follows that one command can carry out.
    private struct Group: Hashable {
        let follower: UInt64
        let isDated: Bool
    }

    init(lines: [Line]) {
        self.lines = lines
    }

    /// A user whom lines name and none describes.
    init(creating id: Identifier, username: String) {
        lines = [(0, .user(UserLine(id: id, username: username, name: username, bio: "", createdAt: nil)))]
    }

    var isUser: Bool {
        if case .user? = lines.first?.line { true } else { false }
    }

    /// Whose command it is.
    var actor: UInt64 { lines.first?.line.actor ?? 0 }

    /// Each line by itself.
    var apart: [LoadStep] { lines.map { LoadStep(lines: [$0]) } }

    /// - Parameter name: stands for the file, in keys.
    func command(name: String) -> [String] {
        guard let (number, line) = lines.first else { return [] }
        switch line {
        case .user(let user): return user.command
        case .follow(let first):
            let follows = lines.compactMap { $0.line.follow }
            guard first.since != nil else { return ["FOLLOW", first.follower.text] + follows.map(\.author.text) }
            return ["RESTORE.FOLLOW", first.follower.text]
                + follows.flatMap { [$0.author.text, String($0.since ?? 0)] }
        case .tweet(let tweet): return tweet.command(name: name, number: number)
        }
    }
}

extension LoadLine {
    fileprivate var follow: FollowLine? {
        if case .follow(let follow) = self { follow } else { nil }
    }
}

extension UserLine {
    fileprivate var command: [String] {
        var words = ["USER.CREATE", username, "ID", id.text, "NAME", name]
        if !bio.isEmpty { words += ["BIO", bio] }
        if let createdAt { words += ["CREATEDAT", String(createdAt)] }
        return words
    }
}

extension TweetLine {
    fileprivate func command(name: String, number: Int) -> [String] {
        var words: [String]
        if let id {
            words = ["RESTORE.TWEET", id.text, author.text, text]
            if let replyTo { words += ["REPLYTO", replyTo.text, (replyToAuthor ?? author).text] }
        } else {
            // The text is part of the key, so that files of one name do not mistake each other's lines for theirs.
            words = ["TWEET.POST", author.text, text, "KEY", "\(name):\(number):\(Fingerprint.of(text))"]
            if let replyTo { words += ["REPLYTO", replyTo.text] }
        }
        if let quote { words += ["QUOTE", quote.text] }
        return words
    }
}

extension Identifier {
    fileprivate var text: String { String(value) }
}
