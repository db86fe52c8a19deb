internal import Client
internal import LoadGenerator

/// How long loads and dumps try again where a cluster cannot now.
enum Patience {
    static let attempts = 50

    /// Whether a refusal may be none later.
    static func isWorthwhile(_ refusal: String) -> Bool {
        ["BUSY ", "UNAVAILABLE ", "TIMEOUT "].contains { refusal.hasPrefix($0) }
    }

    static func pause(after attempt: Int) async throws {
        try await Task.sleep(for: .milliseconds(20 * min(attempt, 50)))
    }
}

extension CommandStream {
    /// One command's reply, asked for again where the cluster cannot now.
    func askPatiently(_ words: [String]) async throws -> Reply {
        var attempt = 1
        while true {
            let reply = try await ask(words)
            guard case .error(let what) = reply else { return reply }
            guard Patience.isWorthwhile(what), attempt < Patience.attempts else { throw ClientError.disconnected(what) }
            try await Patience.pause(after: attempt)
            attempt += 1
        }
    }
}
