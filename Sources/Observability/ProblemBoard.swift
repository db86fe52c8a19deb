internal import Synchronization

/// What is wrong with a process, by subject: written where it happens, read by the admin port. Any thread.
package final class ProblemBoard: Sendable {
    private struct Problem {
        let text: String
        let isHindrance: Bool
    }

    private let problems = Mutex<[String: Problem]>([:])

    package init() {}

    /// Notes a problem, or that there is none any more.
    ///
    /// - Parameter isHindrance: whether others had better do without the process meanwhile.
    /// - Returns: whether that is news.
    @discardableResult
    package func set(_ problem: String?, about subject: String, isHindrance: Bool = true) -> Bool {
        problems.withLock { problems in
            defer { problems[subject] = problem.map { Problem(text: $0, isHindrance: isHindrance) } }
            return problems[subject]?.text != problem
        }
    }

    /// All problems in one line; nil where there is none.
    package var summary: String? {
        let all = problems.withLock { $0 }
        guard !all.isEmpty else { return nil }
        return all.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.text)" }.joined(separator: "; ")
    }

    /// Whether others had better do without the process.
    package var isHindered: Bool { problems.withLock { $0.values.contains { $0.isHindrance } } }
}
