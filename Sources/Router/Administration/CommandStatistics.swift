internal import Synchronization

/// What `INFO` tells of commands and errors. Any thread.
final class CommandStatistics: Sendable {
    struct Command: Sendable {
        var calls: UInt64 = 0
        var microseconds: UInt64 = 0
        /// Refused before they were begun: wrong arguments.
        var rejected: UInt64 = 0
        /// Begun, and answered with an error.
        var failed: UInt64 = 0
    }

    private struct State {
        var commands: [String: Command] = [:]
        var errors: [String: UInt64] = [:]
    }

    /// Errors are counted by their first word, which comes from us; the bound is against mistakes.
    private static let largestErrorCount = 128
    private let state = Mutex(State())

    func noteAnswer(_ name: String, nanoseconds: Int64, error: String?) {
        state.withLock { state in
            state.commands[name, default: Command()].calls += 1
            state.commands[name]?.microseconds += UInt64(max(0, nanoseconds) / 1_000)
            if let error {
                state.commands[name]?.failed += 1
                CommandStatistics.count(error, &state.errors)
            }
        }
    }

    func noteRejected(_ name: String, error: String) {
        state.withLock { state in
            state.commands[name, default: Command()].rejected += 1
            CommandStatistics.count(error, &state.errors)
        }
    }

    func noteUnknown(error: String) {
        state.withLock { CommandStatistics.count(error, &$0.errors) }
    }

    private static func count(_ error: String, _ errors: inout [String: UInt64]) {
        let code = String(error.prefix { $0 != " " })
        if errors[code] != nil || errors.count < largestErrorCount { errors[code, default: 0] += 1 }
    }

    var commands: [(name: String, Command)] {
        state.withLock { $0.commands }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    var errors: [(code: String, count: UInt64)] {
        state.withLock { $0.errors }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
