internal import Synchronization

/// What was posted in a run, and so what everyone's home must show first.
final class PostedTweets: Sendable {
    private let graph: StandardGraph
    /// Ids of each author, oldest first as far as they were answered in order.
    private let byAuthor: Mutex<[Int: [UInt64]]>

    init(_ graph: StandardGraph) {
        self.graph = graph
        byAuthor = Mutex([:])
    }

    /// - Returns: what is wrong with the outcome of a post.
    func note(_ outcome: Outcome, by author: Int) -> String? {
        guard case .posted(let id) = outcome else { return "a post came to \(outcome)" }
        byAuthor.withLock { $0[author, default: []].append(id) }
        return nil
    }

    /// What is wrong with the first entry of a reader's home.
    func problemOfNewest(_ outcome: Outcome, of reader: Int) -> String? {
        let expected = byAuthor.withLock { tweets in
            authors(of: reader).reduce(0) { max($0, tweets[$1]?.max() ?? 0) }
        }
        let found = outcome.ids?.first ?? 0
        return expected == 0 || found == expected ? nil : "newest of \(reader) is \(found), not \(expected)"
    }

    /// What is wrong with a whole page of a reader's home, which begins with what was posted in this run.
    func problemOfPage(_ outcome: Outcome, of reader: Int) -> String? {
        guard let found = outcome.ids else { return "not a page" }
        let expected = byAuthor.withLock { tweets in
            authors(of: reader).flatMap { tweets[$0] ?? [] }
        }.sorted(by: >)
        let compared = min(found.count, expected.count)
        guard found.count >= min(50, expected.count), found.prefix(compared) == expected.prefix(compared)[...] else {
            return "the page of \(reader) is not what was posted: \(found.prefix(3)) for \(expected.prefix(3))"
        }
        return nil
    }

    private func authors(of reader: Int) -> [Int] {
        graph.following[reader].map(Int.init) + [reader]
    }
}
