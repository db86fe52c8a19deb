package import Client
internal import Synchronization

/// How long loads and dumps try again where a cluster cannot now.
package enum Patience {
    package static let attempts = 50

    /// Whether a refusal may be none later.
    package static func isWorthwhile(_ refusal: String) -> Bool {
        ["BUSY ", "UNAVAILABLE ", "TIMEOUT "].contains { refusal.hasPrefix($0) }
    }

    package static func pause(after attempt: Int) async throws {
        try await Task.sleep(for: .milliseconds(20 * min(attempt, 50)))
    }
}

extension CommandStream {
    /// One command's reply, asked for again where the cluster cannot now.
    package func askPatiently(_ words: [String]) async throws -> Reply {
        var attempt = 1
        while true {
            let reply = try await ask(words)
            guard case .error(let what) = reply else { return reply }
            guard Patience.isWorthwhile(what), attempt < Patience.attempts else { throw ClientError.disconnected(what) }
            try await Patience.pause(after: attempt)
            attempt += 1
        }
    }

    /// Keeps `window` commands under way until all have been carried out; those that the cluster refuses for now, in any
    /// order, again.
    ///
    /// - Parameter isThere: a refusal that says that the command has had its effect before.
    package func carryOutPatiently(
        count: Int,
        window: Int,
        make: @escaping Make,
        isThere: @escaping @Sendable (String) -> Bool = { _ in false }
    ) async throws {
        var waiting = Array(0..<count)
        var attempt = 1
        while !waiting.isEmpty {
            let sent = waiting
            let refused = Mutex<[(number: Int, what: String)]>([])
            let result = try await closed(count: sent.count, window: window) {
                make(sent[$0])
            } check: { number, reply in
                guard case .error(let what) = reply, !isThere(what) else { return nil }
                guard Patience.isWorthwhile(what) else { return what }
                refused.withLock { $0.append((sent[number], what)) }
                return nil
            }
            guard result.errorCount == 0 else {
                throw ClientError.disconnected(result.errors.joined(separator: "; "))
            }
            let again = refused.withLock { $0 }
            guard let last = again.last else { return }
            waiting = again.map(\.number)
            attempt = waiting.count < sent.count ? 1 : attempt + 1
            guard attempt < Patience.attempts else {
                throw ClientError.refused("\(waiting.count) commands are not taken: \(last.what)")
            }
            try await Patience.pause(after: attempt)
        }
    }
}
