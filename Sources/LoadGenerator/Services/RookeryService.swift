internal import Client
package import NIOCore

/// Rookery, through its router.
package final class RookeryService: TimelineService {
    package let name = "rookery"
    package let promise: String
    package let stream: CommandStream
    /// Whom one command follows, at most: as `rookery load` sends them.
    private static let followsTogether = 100
    /// Follow edges whose commands are not answered yet: enough for nodes to be busy, few enough to be served in time.
    private static let edgesUnderWay = 4_000
    /// From what a node's loops do to what the node says of it.
    private static let longestToSay = Duration.milliseconds(500)
    /// Milliseconds.
    private static let longestSilence = 10_000

    package var loop: any EventLoop { stream.loop }

    private init(stream: CommandStream, promise: String) {
        self.stream = stream
        self.promise = promise
    }

    /// - Parameter stream: to a router, whose cluster says what it promises.
    package static func over(_ stream: CommandStream) async throws -> RookeryService {
        let info = try await stream.ask(["CLUSTER.INFO"])
        let durability = info["durability"]?.string ?? "unknown"
        let replicas = Int(info["replicationFactor"]?.string ?? "") ?? 1
        let synced =
            switch durability {
            case "always": "synced to disk before the acknowledgement"
            case "never":
                "handed to the system before the acknowledgement, synced when that likes (log.durability = never)"
            default: "log.durability = \(durability)"
            }
        let copies = replicas > 1 ? ", on all of \(replicas) replicas that are there" : ""
        return RookeryService(stream: stream, promise: "\(synced)\(copies); lists and texts on disk")
    }

    /// The name that tools give to a user who has only an id: always the same one, and short enough for any id.
    package static func username(of user: UInt64) -> String { "u" + String(user, radix: 36) }

    package func load(_ graph: StandardGraph) async throws -> Double? {
        try await stream.carryOutPatiently(count: graph.users, window: 512) { user in
            RookeryService.words(.createUser(user))
        } isThere: {
            $0.hasPrefix("EXISTS")
        }
        let follows = graph.interleavedFollows(together: RookeryService.followsTogether)
        let window = max(1, RookeryService.edgesUnderWay * follows.count / max(1, graph.edges))
        let time = try await ContinuousClock().measure {
            try await stream.carryOutPatiently(count: follows.count, window: window) { number in
                ["FOLLOW", String(follows[number].follower)] + follows[number].authors.map { String($0) }
            }
        }
        return Double(graph.edges) / max(time.inSeconds, 1e-9)
    }

    package func perform(_ operation: Operation, _ completion: @escaping Completion) {
        stream.connection(for: UInt64(operation.actor)).send(RookeryService.words(operation)) { reply in
            completion(reply.flatMap { RookeryService.outcome(of: $0, to: operation) })
        }
    }

    package var settlingIsDelivery: Bool { true }

    package func settle() async throws {
        let began = ContinuousClock.now
        var waiting = "all nodes"
        while ContinuousClock.now < began + .seconds(60) {
            let nodes = try await stream.ask(["CLUSTER.NODES"]).array ?? []
            func number(_ field: String, _ node: Reply) -> Int? { Int(node[field]?.string ?? "") }
            // Who has been silent for long is not waited for: others have its partitions.
            let speaking = nodes.filter { number("silentMilliseconds", $0) ?? .max < RookeryService.longestSilence }
            // What a node has said before is not what it has to do now.
            let oldest = speaking.compactMap { number("silentMilliseconds", $0) }.max() ?? 0
            let isNews = ContinuousClock.now - began > .milliseconds(oldest) + RookeryService.longestToSay
            let letters = speaking.reduce(0) { $0 + (number("waitingLetters", $1) ?? 0) }
            // What secondaries have put off would be the next stage's work.
            let entries = speaking.reduce(0) { $0 + (number("unappliedEntries", $1) ?? 0) }
            if isNews, !speaking.isEmpty, letters < 64, entries < 1_024 { return }
            waiting = "\(letters) letters and \(entries) entries"
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ClientError.disconnected("after a minute \(waiting) still wait")
    }

    private static func words(_ operation: Operation) -> [String] {
        switch operation {
        case .createUser(let user): ["USER.CREATE", username(of: UInt64(user)), "ID", String(user)]
        case .follow(let follower, let author): ["FOLLOW", String(follower), String(author)]
        case .post(let author, let text): ["TWEET.POST", String(author), text]
        // Cursors go on behind an entry and not at a number: what is to be skipped is read.
        case .home(let reader, let skip, let count, let texts):
            ["TIMELINE.HOME", String(reader), "COUNT", String(skip + count)] + (texts ? [] : ["IDS"])
        case .check(let reader, .position(let position)):
            ["TIMELINE.HOME", String(reader), "COUNT", "50", "SINCE", position, "IDS"]
        case .check(let reader, _): ["TIMELINE.HOME", String(reader), "COUNT", "50", "IDS"]
        case .userTimeline(let author, let skip, let count):
            ["TIMELINE.USER", String(author), "COUNT", String(skip + count), "IDS"]
        }
    }

    private static func outcome(of reply: Reply, to operation: Operation) -> Result<Outcome, ClientError> {
        if case .error(let text) = reply {
            // Who is there from an earlier run need not be created.
            if case .createUser = operation, text.hasPrefix("EXISTS") { return .success(.done) }
            return .failure(.refused(text))
        }
        switch operation {
        case .createUser, .follow: return .success(.done)
        case .post:
            guard let id = reply.string.flatMap({ UInt64($0) }) else { return .failure(unexpected(reply)) }
            return .success(.posted(id))
        case .home, .check, .userTimeline:
            guard let parts = reply.array, parts.count >= 2, let items = parts[1].array else {
                return .failure(unexpected(reply))
            }
            return page(items, next: parts.count > 2 ? parts[2].string.map { .position($0) } : nil)
        }
    }

    /// A page of ids, or of tweets.
    private static func page(_ items: [Reply], next: Checkpoint?) -> Result<Outcome, ClientError> {
        var ids: [UInt64] = []
        ids.reserveCapacity(items.count)
        var texts: [String] = []
        for item in items {
            guard let id = (item.string ?? item["id"]?.string).flatMap({ UInt64($0) }) else {
                return .failure(unexpected(item))
            }
            ids.append(id)
            if let text = item["text"]?.string { texts.append(text) }
        }
        return .success(.page(ids, texts: texts, next: next))
    }

    private static func unexpected(_ reply: Reply) -> ClientError { .protocolViolation("unexpected \(reply)") }
}
