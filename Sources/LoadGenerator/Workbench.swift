internal import Client

/// A workload's result: figures with their units, in the order to be shown.
package struct WorkloadReport: Sendable {
    package let workload: String
    package var figures: [(name: String, value: Double, unit: String)] = []
    /// Why the run is void; empty where it is not.
    package var faults: [String] = []

    package init(workload: String) {
        self.workload = workload
    }

    package mutating func add(_ name: String, _ value: Double, _ unit: String) {
        figures.append((name, value, unit))
    }

    package mutating func addLatency(_ name: String, _ result: StreamResult) {
        add("\(name) p50", result.milliseconds(50), "ms")
        add("\(name) p99", result.milliseconds(99), "ms")
        add("\(name) p99.9", result.milliseconds(99.9), "ms")
    }

    /// What a probe found that posts and waits until a follower sees the tweet.
    package mutating func addVisibility(_ name: String, _ probe: VisibilityProbe.Result) {
        note(probe.visible, "\(name): visibility")
        add("\(name), a post p99", probe.posted.milliseconds(99), "ms")
        add("\(name), post to visible p50", probe.visible.milliseconds(50), "ms")
        add("\(name), post to visible p99", probe.visible.milliseconds(99), "ms")
    }

    package mutating func note(_ result: StreamResult, _ what: String) {
        if result.errorCount > 0 { faults.append("\(what): \(result.errorCount) errors, \(result.errors)") }
    }
}

/// A cluster filled with the standard graph, and what workloads need to know to check what they read.
package struct Workbench: Sendable {
    package let stream: CommandStream
    package let graph: StandardGraph
    let say: @Sendable (String) -> Void

    /// - Parameter say: told what is going on, for people.
    package init(stream: CommandStream, graph: StandardGraph, say: @escaping @Sendable (String) -> Void) {
        self.stream = stream
        self.graph = graph
        self.say = say
    }

    /// The name that tools give to a user who has only an id: always the same one, and short enough for any id.
    package static func username(of user: UInt64) -> String { "u" + String(user, radix: 36) }

    /// Creates the users and the follow edges that are not there yet.
    ///
    /// - Returns: edges a second.
    package func load() async throws -> Double {
        say("loading \(graph.users) users and \(graph.edges) follow edges")
        let users = try await stream.closed(count: graph.users, window: 2_048) { user in
            ["USER.CREATE", Workbench.username(of: UInt64(user)), "ID", String(user)]
        } check: { _, reply in
            if case .error(let text) = reply, !text.hasPrefix("EXISTS") { text } else { nil }
        }
        let pairs = interleavedEdges()
        let edges = try await stream.closed(count: pairs.count, window: 4_096) { number in
            ["FOLLOW", String(pairs[number].0), String(pairs[number].1)]
        }
        guard users.errorCount + edges.errorCount == 0 else {
            throw ClientError.disconnected("loading failed: \((users.errors + edges.errors).joined(separator: "; "))")
        }
        return edges.rate
    }

    /// All edges, the first of every user, then the second of every user: so that no user's follows wait in line.
    private func interleavedEdges() -> [(Int32, Int32)] {
        var pairs: [(Int32, Int32)] = []
        pairs.reserveCapacity(graph.edges)
        let longest = graph.following.map(\.count).max() ?? 0
        for position in 0..<longest {
            for (user, others) in graph.following.enumerated() where position < others.count {
                pairs.append((Int32(user), others[position]))
            }
        }
        return pairs
    }

    /// Reads everybody's home once, so that everybody counts as reading.
    package func activateEveryone() async throws -> StreamResult {
        try await stream.closed(count: graph.users, window: 512) { user in
            ["TIMELINE.HOME", String(user), "COUNT", "1", "IDS"]
        }
    }

    /// How many home lists a post of each author goes to: the followers' and the author's own.
    func deliveries(of authors: [Int]) -> Int {
        authors.reduce(0) { $0 + graph.followerCounts[$1] + 1 }
    }
}
