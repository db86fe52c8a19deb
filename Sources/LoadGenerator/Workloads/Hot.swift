extension Workbench {
    /// `hot`: what one author who posts without a pause, and one reader who reads without a pause, do to all others.
    ///
    /// - Parameter front: the same service over connections of its own, which the hot user has: answers leave a connection in order,
    ///   so that whoever shares it waits for the hot user's whatever a cluster does.
    package func hot(
        operations count: Int,
        seconds: Double,
        through front: any TimelineService
    ) async throws -> WorkloadReport {
        var report = report("hot")
        try await activate(&report)
        let mix = postsAndReads(readsPerPost: 10)
        let most = try await mix.closed(count: count)
        report.note(most, "closed loop")
        try await service.settle()
        let rate = most.rate / 4
        report.add("others", rate, "operations/s")
        let alone = try await mix.open(rate: rate, seconds: seconds)
        report.note(alone, "alone")
        report.addLatency("others alone", alone)
        // Of median following: that one of very many followers costs much is what `celebrity` shows.
        let someone = graph.followerCounts.firstIndex { $0 == graph.followerPercentile(0.5) } ?? 0
        for (name, operation) in [
            ("a hot author", Operation.post(author: someone, text: "again")),
            ("a hot reader", Operation.home(reader: someone, count: 50, texts: true)),
        ] {
            try await service.settle()
            say("hot: \(name)")
            let heat = Heat()
            async let hot = heat.run(front, operation, seconds: seconds)
            let others = try await mix.open(rate: rate, seconds: seconds)
            report.note(others, "others beside \(name)")
            report.addLatency("others beside \(name)", others)
            report.add("\(name) itself", try await hot, "operations/s")
        }
        try await service.settle()
        return report
    }
}

/// One user who does the same again and again, so many at a time.
private struct Heat: Sendable {
    private static let window = 16

    /// - Returns: operations a second.
    func run(_ service: any TimelineService, _ operation: Operation, seconds: Double) async throws -> Double {
        let clock = ContinuousClock()
        let began = clock.now
        var count = 0
        while clock.now - began < .seconds(seconds) {
            let part = try await service.closed(count: 200, window: Heat.window) { _ in operation }
            count += part.commands - part.errorCount
        }
        return Double(count) / (clock.now - began).inSeconds
    }
}
