extension Workbench {
    /// Posts of `posts` that are made as fast as possible.
    private static let postsAtOnce = 40_000

    /// `posts`: posts alone as fast as possible, then at a quarter and at half of that how long a post takes, and until
    /// a follower sees it.
    package func posts(seconds: Double) async throws -> WorkloadReport {
        var report = report("posts")
        try await activate(&report)
        let authors = drawAuthors(1 << 16, seed: 17)
        say("posts as fast as possible")
        // What is only acknowledged is not done: the most is what is delivered too.
        let tweets = PostedTweets(self)
        let witnesses = witnesses(of: Array(authors.prefix(Workbench.postsAtOnce)))
        let clock = ContinuousClock()
        let began = clock.now
        let most = try await service.closed(count: Workbench.postsAtOnce) { number in
            .post(author: authors[number % authors.count], text: "post \(number)")
        } check: { number, outcome in
            tweets.note(outcome, by: authors[number % authors.count], "post \(number)")
        }
        report.note(most, "posts")
        try await waitUntilVisible(tweets, to: witnesses, &report)
        let rate = Double(most.commands) / (clock.now - began).inSeconds
        report.add("most, until all is visible", rate, "posts/s")
        try await service.settle()
        if service.settlingIsDelivery {
            let seconds = (clock.now - began).inSeconds
            report.add("most, until all replicas have it", Double(most.commands) / seconds, "posts/s")
        }
        let probe = VisibilityProbe(graph: graph)
        for (share, name) in [(4.0, "a quarter of most"), (2.0, "half of most")] {
            say("posts: \(name)")
            async let visible = probe.run(service, seconds: seconds, tweets)
            let part = try await service.open(rate: rate / share, seconds: seconds) { number in
                .post(author: authors[number % authors.count], text: "post \(number)")
            } check: { number, outcome in
                tweets.note(outcome, by: authors[number % authors.count], "post \(number)")
            }
            report.note(part, name)
            report.add("\(name), reached", part.rate, "posts/s")
            report.addLatency(name, part)
            report.addVisibility(name, try await visible)
            try await service.settle()
        }
        try await verify(tweets, &report)
        return report
    }

    /// `mixed`: 100 reads to a post at full speed, then with latencies at half of that and at a fixed rate, then the peak of the sources.
    package func mixed(operations count: Int, seconds: Double) async throws -> WorkloadReport {
        var report = report("mixed")
        try await activate(&report)
        let mix = postsAndReads(readsPerPost: 100)
        say("mixed: 100 reads to a post, as fast as possible")
        let most = try await mix.closed(count: count)
        report.note(most, "closed loop")
        report.add("mixed 100:1, most", most.rate, "operations/s")
        try await service.settle()
        let probe = VisibilityProbe(graph: graph)
        say("mixed: half of that")
        async let visible = probe.run(service, seconds: seconds, mix.tweets)
        let half = try await mix.open(rate: most.rate / 2, seconds: seconds)
        report.note(half, "half of most")
        report.add("half of most, reached", half.rate, "operations/s")
        report.addLatency("half of most", half)
        report.addVisibility("half of most", try await visible)
        try await service.settle()
        say("mixed: 5,800 reads/s with 58 posts/s")
        // The same for everybody, where half of a service's most is another rate for each.
        let fixed = try await mix.open(rate: 5_858, seconds: seconds)
        report.add("5,800 reads/s and 58 posts/s, served", fixed.goodput, "operations/s")
        report.addLatency("5,800 reads/s and 58 posts/s", fixed, ofServedOnly: true)
        try await service.settle()
        // Before the peak: what a post came to that was not answered in time, nobody can tell.
        if fixed.errorCount == 0 { try await mix.verify(&report) }
        say("mixed: 5,800 posts/s with 5,800 reads/s")
        let even = postsAndReads(readsPerPost: 1)
        let peak = try await even.open(rate: 11_600, seconds: seconds)
        // The sources' peak, which a small machine may not reach: what it refused is a figure, not a fault.
        report.add("5,800 posts/s and reads/s, served", peak.goodput, "operations/s")
        report.add("5,800 posts/s and reads/s, not served", Double(peak.errorCount), "operations")
        report.addLatency("5,800 posts/s and reads/s", peak, ofServedOnly: true)
        try await service.settle()
        return report
    }
}
