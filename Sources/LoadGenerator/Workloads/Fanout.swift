extension Workbench {
    /// `fanout`: posts by weight into a graph where everybody reads; materialized deliveries a second until the last
    /// one is visible.
    package func fanout(posts count: Int) async throws -> WorkloadReport {
        var report = report("fanout")
        try await activate(&report)
        let authors = drawAuthors(count, seed: 7)
        let tweets = PostedTweets(graph)
        say("posting \(count) tweets, \(deliveries(of: authors)) deliveries")
        let clock = ContinuousClock()
        let began = clock.now
        let posted = try await service.closed(count: count) { number in
            .post(author: authors[number], text: "post \(number)")
        } check: { number, outcome in
            tweets.note(outcome, by: authors[number])
        }
        report.note(posted, "posts")
        try await waitUntilVisible(tweets, &report)
        let seconds = (clock.now - began).inSeconds
        let pages = try await readEveryone(tweets)
        try await service.settle()
        let settled = (clock.now - began).inSeconds
        report.note(pages, "reads")
        try await verifyPages(tweets, &report)
        let total = Double(deliveries(of: authors))
        report.add("deliveries", total / seconds, "deliveries/s")
        report.add("deliveries with one read, until all replicas have them", total / settled, "deliveries/s")
        report.add("posts", posted.rate, "posts/s")
        report.add("deliveries with one read by everyone", total / (seconds + pages.seconds), "deliveries/s")
        return report
    }

    /// Waits until everyone's newest tweet is the one that it must be, for a sample; gives up after a minute.
    func waitUntilVisible(_ tweets: PostedTweets, _ report: inout WorkloadReport) async throws {
        let sample = Array(stride(from: 0, to: graph.users, by: max(1, graph.users / 256)))
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let result = try await service.closed(count: sample.count) { number in
                .home(reader: sample[number], count: 1, texts: false)
            } check: { number, outcome in
                tweets.problemOfNewest(outcome, of: sample[number])
            }
            if result.errorCount == 0 { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        report.faults.append("not everything was visible after a minute")
    }

    /// One page of everyone's home, its first entry checked against what was posted.
    private func readEveryone(_ tweets: PostedTweets) async throws -> StreamResult {
        try await service.closed(count: graph.users) { user in
            .home(reader: user, count: 50, texts: false)
        } check: { user, outcome in
            Workbench.pageProblem(outcome) ?? tweets.problemOfNewest(outcome, of: user)
        }
    }

    /// The whole page of some readers, entry by entry.
    private func verifyPages(_ tweets: PostedTweets, _ report: inout WorkloadReport) async throws {
        let sample = Array(stride(from: 0, to: graph.users, by: max(1, graph.users / 500)))
        let result = try await service.closed(count: sample.count) { number in
            .home(reader: sample[number], count: 50, texts: false)
        } check: { number, outcome in
            tweets.problemOfPage(outcome, of: sample[number])
        }
        report.note(result, "whole pages")
    }
}
