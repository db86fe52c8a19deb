/// What homes hold when `home` begins to read them.
package enum HomeFilling: Sendable {
    /// Posts until every page is full: what a service looks like that people use.
    case fullPages
    /// One post of everybody: the same at every number of users, which a comparison of sizes needs.
    case onePostEach

    /// Entries that a page is asked for.
    var pageSize: Int { self == .fullPages ? 50 : 10 }
    var leastOnPage: Int { self == .fullPages ? pageSize : 1 }
    /// How often everybody posts before homes count as staying short.
    var mostRounds: Int { self == .fullPages ? 20 : 1 }
}

extension Workbench {
    /// Users whose posts are remembered, to be compared with pages.
    private static let largestRemembered = 2_000_000

    /// `home`: pages, readers by Zipf 0.9; ids alone and with texts.
    package func home(pages count: Int, filling: HomeFilling) async throws -> WorkloadReport {
        var report = report("home")
        let tweets = PostedTweets(self)
        try await fillHomes(filling, noting: tweets, &report)
        try await verify(tweets, &report)
        let readers = drawUsers(count, exponent: 0.9, seed: 11)
        let size = filling.pageSize
        for (name, texts, share) in [("ids", false, 1), ("texts", true, 4)] {
            say("reading \(count / share) pages of \(size) \(name)")
            let result = try await service.closed(count: count / share) { number in
                .home(reader: readers[number], count: size, texts: texts)
            } check: { _, outcome in
                Workbench.pageProblem(outcome, least: filling.leastOnPage, texts: texts)
            }
            report.note(result, name)
            report.add("pages of \(name)", result.rate, "pages/s")
            let half = try await service.open(rate: result.rate / 2, seconds: 3) { number in
                .home(reader: readers[number % readers.count], count: size, texts: texts)
            }
            report.note(half, "\(name) at half")
            report.addLatency("pages of \(name) at half of that", half)
        }
        return report
    }

    /// Posts until the homes hold what they are to, and reads them all once.
    ///
    /// - Parameter tweets: is told what is posted, where that is not too much to remember.
    func fillHomes(
        _ filling: HomeFilling,
        noting tweets: PostedTweets? = nil,
        _ report: inout WorkloadReport
    ) async throws {
        let tweets = graph.users <= Workbench.largestRemembered ? tweets : nil
        try await activate(&report)
        let sample = spread(Array(0..<graph.users), 2_000)
        for round in 0...filling.mostRounds {
            let short = try await service.closed(count: sample.count) { number in
                .home(reader: sample[number], count: filling.pageSize, texts: false)
            } check: { _, outcome in
                Workbench.pageProblem(outcome, least: filling.leastOnPage)
            }
            if short.errorCount == 0 { return }
            guard round < filling.mostRounds else { break }
            say("filling homes: \(short.errorCount) of \(sample.count) pages are short")
            // Every author posts: whom nobody with full pages follows would else never be on a page.
            let posted = try await service.closed(count: graph.users) { number in
                .post(author: number, text: "fill \(round) \(number)")
            } check: { number, outcome in
                tweets?.note(outcome, by: number, "fill \(round) \(number)")
            }
            report.note(posted, "filling")
            try await service.settle()
        }
        report.faults.append("homes stay short")
    }
}
