internal import Synchronization

/// What is wrong with a process, by subject: written where it happens, read by the admin port. Any thread.
package final class ProblemBoard: Sendable {
    private let problems = Mutex<[String: String]>([:])

    package init() {}

    /// Notes a problem, or that there is none any more.
    ///
    /// - Returns: whether that is news.
    @discardableResult
    package func set(_ problem: String?, about subject: String) -> Bool {
        problems.withLock { problems in
            defer { problems[subject] = problem }
            return problems[subject] != problem
        }
    }

    /// All problems in one line; nil where there is none.
    package var summary: String? {
        let all = problems.withLock { $0 }
        guard !all.isEmpty else { return nil }
        return all.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: "; ")
    }
}
