internal import Synchronization

/// What was posted in a run, and so what pages must show.
package final class PostedTweets: Sendable {
    private let graph: StandardGraph
    private let added: AddedFollows
    /// Ids of each author, oldest first as far as they were answered in order.
    private let byAuthor: Mutex<[Int: [UInt64]]>
    private let texts: Mutex<[UInt64: String]>

    package init(_ bench: Workbench) {
        graph = bench.graph
        added = bench.added
        byAuthor = Mutex([:])
        texts = Mutex([:])
    }

    /// - Returns: what is wrong with the outcome of a post.
    package func note(_ outcome: Outcome, by author: Int, _ text: String) -> String? {
        guard case .posted(let id) = outcome else { return "a post came to \(outcome)" }
        byAuthor.withLock { $0[author, default: []].append(id) }
        texts.withLock { $0[id] = text }
        return nil
    }

    /// What is wrong with the first entry of a reader's home.
    package func problemOfNewest(_ outcome: Outcome, of reader: Int) -> String? {
        let expected = byAuthor.withLock { tweets in
            authors(of: reader).reduce(0) { max($0, tweets[$1]?.max() ?? 0) }
        }
        let found = outcome.ids?.first ?? 0
        return expected == 0 || found == expected ? nil : "newest of \(reader) is \(found), not \(expected)"
    }

    /// What is wrong with a whole page of a reader's home: what those posted in this run whom the reader has always followed
    /// must be there, and nothing else of this run but what those posted whom the reader has followed meanwhile, which not
    /// every service takes into the lists. Each must have the text that was posted.
    package func problemOfPage(_ outcome: Outcome, of reader: Int) -> String? {
        let authors = authors(of: reader)
        let expected = byAuthor.withLock { tweets in authors.flatMap { tweets[$0] ?? [] } }
        let possible = byAuthor.withLock { tweets in added.authors(of: reader).flatMap { tweets[$0] ?? [] } }
        let problem = problem(of: outcome, expected: expected, possible: possible) ?? problemOfTexts(outcome)
        return problem.map { "home of \(reader): \($0)" }
    }

    private func problemOfTexts(_ outcome: Outcome) -> String? {
        guard case .page(let ids, let found, _) = outcome else { return "not a page" }
        guard ids.count == found.count else { return "\(found.count) texts of \(ids.count)" }
        return texts.withLock { texts in
            zip(ids, found).first { id, text in texts[id].map { $0 != text } ?? false }
                .map { "the text of \($0) is \"\($1)\"" }
        }
    }

    /// What is wrong with the first page of an author's own tweets.
    package func problemOfAuthored(_ outcome: Outcome, by author: Int) -> String? {
        let expected = byAuthor.withLock { $0[author] ?? [] }
        return problem(of: outcome, expected: expected, possible: []).map { "tweets of \(author): \($0)" }
    }

    private func problem(of outcome: Outcome, expected: [UInt64], possible: [UInt64]) -> String? {
        if let problem = Workbench.pageProblem(outcome) { return problem }
        let found = outcome.ids ?? []
        guard let first = byAuthor.withLock({ $0.values.compactMap { $0.min() }.min() }) else { return nil }
        let known = Set(expected).union(possible)
        if let stranger = found.first(where: { $0 >= first && !known.contains($0) }) {
            return "\(stranger) was posted by nobody who is followed, unless since an earlier run"
        }
        let end = found.count < Workbench.verifiedPageSize ? 0 : found.last ?? 0
        let present = Set(found)
        return expected.first { $0 > end && !present.contains($0) }.map { "\($0) is missing" }
    }

    private func authors(of reader: Int) -> [Int] {
        graph.following[reader].map(Int.init) + [reader]
    }
}
