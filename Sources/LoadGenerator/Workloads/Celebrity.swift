extension Workbench {
    /// `celebrity`: one author with very many followers posts while everybody else goes on: what the post takes, when
    /// the last follower sees it, and what it does to the others.
    ///
    /// - Parameter followers: users beyond the graph's, who follow that author alone.
    package func celebrity(followers count: Int, seconds: Double) async throws -> WorkloadReport {
        var report = report("celebrity")
        let author = graph.users
        let first = author + 1
        say("celebrity: \(count) followers")
        report.note(
            try await service.closed(count: count + 1, window: 1_024) { .createUser(author + $0) },
            "creations"
        )
        report.note(
            try await service.closed(count: count, window: 1_024) { .follow(follower: first + $0, author: author) },
            "follows"
        )
        report.note(
            try await service.closed(count: count, window: 512) { .home(reader: first + $0, count: 1, texts: false) },
            "activation"
        )
        try await activate(&report)
        try await service.settle()
        let mix = postsAndReads(readsPerPost: 10)
        let most = try await mix.closed(count: 20_000)
        try await service.settle()
        let rate = most.rate / 4
        say("celebrity: others alone, then beside the celebrity")
        let alone = try await mix.open(rate: rate, seconds: seconds)
        report.note(alone, "others alone")
        report.add("others alone, rate", rate, "operations/s")
        report.add("others alone, p99", alone.milliseconds(99), "ms")
        async let others = mix.open(rate: rate, seconds: seconds)
        let sample = Array(stride(from: first, to: first + count, by: max(1, count / 500))) + [first + count - 1]
        var posted = StreamResult()
        var visible = StreamResult()
        let clock = ContinuousClock()
        for number in 0..<max(1, Int(seconds / 2)) {
            let began = clock.now
            guard case .posted(let id) = try await service.ask(.post(author: author, text: "celebrity \(number)"))
            else {
                continue
            }
            posted.record(microseconds: Int64((clock.now - began).inSeconds * 1e6))
            try await waitForLast(id, sample, &report)
            visible.record(microseconds: Int64((clock.now - began).inSeconds * 1e6))
            try await Task.sleep(for: .milliseconds(500))
        }
        let beside = try await others
        report.note(beside, "others beside")
        try await service.settle()
        try await mix.verify(&report)
        report.add("others beside the celebrity, p99", beside.milliseconds(99), "ms")
        report.add("a post", posted.milliseconds(50), "ms")
        report.add("a post at most", posted.milliseconds(100), "ms")
        report.add("post to visible for the last follower", visible.milliseconds(50), "ms")
        return report
    }

    /// Waits until a whole sample of readers has a tweet first; gives up after a minute.
    private func waitForLast(_ id: UInt64, _ readers: [Int], _ report: inout WorkloadReport) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let result = try await service.closed(count: readers.count, window: 64) { number in
                .home(reader: readers[number], count: 1, texts: false)
            } check: { _, outcome in
                outcome.ids?.first == id ? nil : "not yet"
            }
            if result.errorCount == 0 { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        report.faults.append("the celebrity's tweet was not with everyone after a minute")
    }
}
