internal import Client
internal import NIOCore
internal import Synchronization

/// The workloads of `docs/benchmarks.md`.
extension Workbench {
    /// `fanout`: posts by weight into a graph where everybody reads; materialized deliveries a second until the last
    /// one is visible.
    package func fanout(posts count: Int) async throws -> WorkloadReport {
        var report = WorkloadReport(workload: "fanout")
        report.note(try await activateEveryone(), "activation")
        let authors = drawAuthors(count, seed: 7)
        let newest = Newest(graph)
        say("posting \(count) tweets, \(deliveries(of: authors)) deliveries")
        let clock = ContinuousClock()
        let began = clock.now
        let posted = try await stream.closed(count: count, window: 256) { number in
            ["TWEET.POST", String(authors[number]), "post \(number)"]
        } check: { number, reply in
            newest.note(reply, by: authors[number])
        }
        report.note(posted, "posts")
        try await waitUntilVisible(newest, &report)
        let seconds = (clock.now - began).inSeconds
        let pages = try await readEveryone(newest)
        report.note(pages, "reads")
        let total = Double(deliveries(of: authors))
        report.add("deliveries", total / seconds, "deliveries/s")
        report.add("posts", posted.rate, "posts/s")
        report.add("deliveries with one read by everyone", total / (seconds + pages.seconds), "deliveries/s")
        return report
    }

    /// `home`: pages of 50, readers by Zipf 0.9, timelines full; ids alone and with texts.
    package func home(pages count: Int) async throws -> WorkloadReport {
        var report = WorkloadReport(workload: "home")
        report.note(try await activateEveryone(), "activation")
        let readers = drawReaders(count, seed: 11)
        for (name, options, share) in [("ids", ["IDS"], 1), ("texts", [], 4)] {
            say("reading \(count / share) pages of 50 \(name)")
            let result = try await stream.closed(count: count / share, window: 256) { number in
                ["TIMELINE.HOME", String(readers[number]), "COUNT", "50"] + options
            } check: { _, reply in
                Workbench.pageProblem(reply, least: 1)
            }
            report.note(result, name)
            report.add("pages of \(name)", result.rate, "pages/s")
        }
        return report
    }

    /// `posts`: posts alone as fast as possible, then at a quarter and at half of that how long a post takes, and until
    /// a follower sees it.
    package func posts(seconds: Double) async throws -> WorkloadReport {
        var report = WorkloadReport(workload: "posts")
        report.note(try await activateEveryone(), "activation")
        let authors = drawAuthors(1 << 16, seed: 17)
        say("posts as fast as possible")
        // What is only acknowledged is not done: the most is what is delivered too.
        let newest = Newest(graph)
        let clock = ContinuousClock()
        let began = clock.now
        let most = try await stream.closed(count: 40_000, window: 256) { number in
            ["TWEET.POST", String(authors[number % authors.count]), "post \(number)"]
        } check: { number, reply in
            newest.note(reply, by: authors[number % authors.count])
        }
        report.note(most, "posts")
        try await waitUntilVisible(newest, &report)
        let rate = Double(most.commands) / (clock.now - began).inSeconds
        report.add("most, until all is visible", rate, "posts/s")
        try await settle(&report)
        for (share, name) in [(4.0, "a quarter of most"), (2.0, "half of most")] {
            say("posts: \(name)")
            let probe = VisibilityProbe(graph: graph)
            async let visible = probe.run(stream, seconds: seconds)
            let part = try await stream.open(rate: rate / share, seconds: seconds) { number in
                ["TWEET.POST", String(authors[number % authors.count]), "post \(number)"]
            }
            report.note(part, name)
            report.add("\(name), reached", part.rate, "posts/s")
            report.addLatency(name, part)
            report.addVisibility(name, try await visible)
            try await settle(&report)
        }
        return report
    }

    /// `mixed`: 100 reads to a post at full speed, then at half of that with latencies, then the peak of the sources.
    package func mixed(seconds: Double) async throws -> WorkloadReport {
        var report = WorkloadReport(workload: "mixed")
        report.note(try await activateEveryone(), "activation")
        let readers = drawReaders(1 << 16, seed: 13)
        let authors = drawAuthors(1 << 16, seed: 17)
        say("mixed: 100 reads to a post, as fast as possible")
        let most = try await stream.closed(count: 100_000, window: 256) { number in
            Workbench.mixedCommand(number, readers, authors, readsPerPost: 100)
        }
        report.note(most, "closed loop")
        report.add("mixed 100:1, most", most.rate, "operations/s")
        try await settle(&report)
        say("mixed: half of that")
        let probe = VisibilityProbe(graph: graph)
        async let visible = probe.run(stream, seconds: seconds)
        let half = try await stream.open(rate: most.rate / 2, seconds: seconds) { number in
            Workbench.mixedCommand(number, readers, authors, readsPerPost: 100)
        }
        report.note(half, "half of most")
        report.add("half of most, reached", half.rate, "operations/s")
        report.addLatency("half of most", half)
        report.addVisibility("half of most", try await visible)
        try await settle(&report)
        say("mixed: 5,800 posts/s with 5,800 reads/s")
        let peak = try await stream.open(rate: 11_600, seconds: seconds) { number in
            Workbench.mixedCommand(number, readers, authors, readsPerPost: 1)
        }
        // The sources' peak, which a small machine may not reach: what it refused is a figure, not a fault.
        report.add("5,800 posts/s and reads/s, reached", peak.rate, "operations/s")
        report.add("5,800 posts/s and reads/s, not served", Double(peak.errorCount), "operations")
        report.addLatency("5,800 posts/s and reads/s", peak)
        return report
    }

    /// Waits until the mail of what was posted before is delivered, so that one part does not slow the next.
    private func settle(_ report: inout WorkloadReport) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let nodes = try await stream.ask(["CLUSTER.NODES"]).array ?? []
            let waiting = nodes.reduce(0) { $0 + (Int($1["waitingLetters"]?.string ?? "") ?? 0) }
            if waiting < 64, !nodes.isEmpty { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        report.faults.append("mail was still waiting after a minute")
    }

    private static func mixedCommand(
        _ number: Int,
        _ readers: [Int],
        _ authors: [Int],
        readsPerPost: Int
    ) -> [String] {
        number % (readsPerPost + 1) == 0
            ? ["TWEET.POST", String(authors[number % authors.count]), "post \(number)"]
            : ["TIMELINE.HOME", String(readers[number % readers.count]), "COUNT", "50", "IDS"]
    }

    private func drawAuthors(_ count: Int, seed: UInt64) -> [Int] {
        var random = SeededNumbers(seed: seed)
        let sampler = WeightedSampler(weights: graph.postWeights)
        return (0..<count).map { _ in sampler.draw(&random) }
    }

    private func drawReaders(_ count: Int, seed: UInt64) -> [Int] {
        var random = SeededNumbers(seed: seed)
        var byRank = Array(0..<graph.users)
        byRank.shuffle(using: &random)
        let sampler = WeightedSampler.zipf(count: graph.users, exponent: 0.9)
        return (0..<count).map { _ in byRank[sampler.draw(&random)] }
    }

    // MARK: Checking

    /// Waits until everyone's newest tweet is the one that it must be; gives up after a minute.
    private func waitUntilVisible(_ newest: Newest, _ report: inout WorkloadReport) async throws {
        let sample = Array(stride(from: 0, to: graph.users, by: max(1, graph.users / 256)))
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let result = try await readNewest(of: sample, newest)
            if result.errorCount == 0 { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        report.faults.append("not everything was visible after a minute")
    }

    private func readNewest(of readers: [Int], _ newest: Newest) async throws -> StreamResult {
        try await stream.closed(count: readers.count, window: 256) { number in
            ["TIMELINE.HOME", String(readers[number]), "COUNT", "1", "IDS"]
        } check: { number, reply in
            newest.problem(of: readers[number], Workbench.ids(reply)?.first)
        }
    }

    /// One page of everyone's home, its first entry checked against the graph.
    private func readEveryone(_ newest: Newest) async throws -> StreamResult {
        try await stream.closed(count: graph.users, window: 256) { user in
            ["TIMELINE.HOME", String(user), "COUNT", "50", "IDS"]
        } check: { user, reply in
            Workbench.pageProblem(reply, least: 0) ?? newest.problem(of: user, Workbench.ids(reply)?.first)
        }
    }

    static func ids(_ reply: Reply) -> [UInt64]? {
        guard let parts = reply.array, parts.count == 3 else { return nil }
        return parts[1].array?.compactMap { $0.string.flatMap { UInt64($0) } }
    }

    /// A page must be newest first, without repetition.
    static func pageProblem(_ reply: Reply, least: Int) -> String? {
        if case .error(let text) = reply { return text }
        guard let parts = reply.array, parts.count == 3, let items = parts[1].array else { return "not a page" }
        guard items.count >= least else { return "a page of \(items.count)" }
        guard items.allSatisfy({ if case .error = $0 { false } else { true } }) else { return "an error in a page" }
        guard let ids = ids(reply), ids.count == items.count else { return nil }
        return zip(ids, ids.dropFirst()).allSatisfy { $0 > $1 } ? nil : "a page out of order"
    }
}

/// Which tweet must be the newest in everyone's home.
private final class Newest: Sendable {
    private let graph: StandardGraph
    private let byAuthor: Mutex<[Int: UInt64]>

    init(_ graph: StandardGraph) {
        self.graph = graph
        byAuthor = Mutex([:])
    }

    /// - Returns: what is wrong with the reply to a post.
    func note(_ reply: Reply, by author: Int) -> String? {
        guard let id = reply.string.flatMap({ UInt64($0) }) else { return "post answered \(reply)" }
        byAuthor.withLock { $0[author] = max($0[author] ?? 0, id) }
        return nil
    }

    func problem(of reader: Int, _ found: UInt64?) -> String? {
        let expected = byAuthor.withLock { newest in
            graph.following[reader].reduce(newest[reader] ?? 0) { max($0, newest[Int($1)] ?? 0) }
        }
        return expected == 0 || found == expected ? nil : "newest of \(reader) is \(found ?? 0), not \(expected)"
    }
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
