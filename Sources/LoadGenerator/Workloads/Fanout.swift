internal import Synchronization

extension Workbench {
    /// `fanout`: posts by weight into a graph where everybody reads; materialized deliveries a second until the last
    /// one is visible.
    package func fanout(posts count: Int) async throws -> WorkloadReport {
        var report = report("fanout")
        try await activate(&report)
        let authors = drawAuthors(count, seed: 7)
        let tweets = PostedTweets(self)
        let witnesses = witnesses(of: authors)
        say("posting \(count) tweets, \(deliveries(of: authors)) deliveries")
        let clock = ContinuousClock()
        let began = clock.now
        let posted = try await service.closed(count: count) { number in
            .post(author: authors[number], text: "post \(number)")
        } check: { number, outcome in
            tweets.note(outcome, by: authors[number], "post \(number)")
        }
        report.note(posted, "posts")
        try await waitUntilVisible(tweets, to: witnesses, &report)
        let seconds = (clock.now - began).inSeconds
        try await readEveryone(tweets, &report)
        let read = (clock.now - began).inSeconds
        try await service.settle()
        let settled = (clock.now - began).inSeconds
        try await verify(tweets, &report)
        let total = Double(deliveries(of: authors))
        report.add("deliveries", total / seconds, "deliveries/s")
        if service.settlingIsDelivery {
            report.add("deliveries with one read, until all replicas have them", total / settled, "deliveries/s")
        }
        report.add("posts", posted.rate, "posts/s")
        report.add("deliveries with one read by everyone", total / read, "deliveries/s")
        return report
    }

    /// One page of everyone's home, its first entry checked against what was posted. Whose page came before the last of it
    /// was there is asked again until it is.
    private func readEveryone(_ tweets: PostedTweets, _ report: inout WorkloadReport) async throws {
        let late = Mutex<[Int]>([])
        let pages = try await service.closed(count: graph.users) { user in
            .home(reader: user, count: 50, texts: false)
        } check: { user, outcome in
            if let problem = Workbench.pageProblem(outcome) { return problem }
            if tweets.problemOfNewest(outcome, of: user) != nil { late.withLock { $0.append(user) } }
            return nil
        }
        report.note(pages, "reads")
        let left = late.withLock { $0 }
        if !left.isEmpty { try await waitUntilVisible(tweets, to: left, &report) }
    }
}
