internal import Client

extension Workbench {
    /// `overload`: three times the most that is served, for some seconds: how much is served all the same, what the rest
    /// is told, and how soon all is well again.
    package func overload(operations count: Int, factor: Double, seconds: Double) async throws -> WorkloadReport {
        var report = report("overload")
        try await activate(&report)
        let mix = postsAndReads(readsPerPost: 10)
        say("overload: 10 reads to a post, as fast as possible")
        // Once to warm up: the first reads build lists. As many at a time as keep everything busy.
        report.note(try await mix.closed(count: count / 2, window: 2_048), "warming up")
        let most = try await mix.closed(count: count, window: 2_048)
        report.note(most, "closed loop")
        report.add("most", most.rate, "operations/s")
        try await service.settle()
        let rate = most.rate * factor
        say("overload: \(Int(rate)) operations/s for \(seconds) s")
        let told = Refusals()
        let end = ContinuousClock.now + .seconds(seconds)
        let over = try await LoadRun.open(on: service.loop, rate: rate, seconds: seconds) { number, done in
            let sent = ContinuousClock.now
            service.perform(mix.operation(number)) { result in
                guard case .failure(let error) = result else { return done(nil) }
                told.note(error, after: ContinuousClock.now - sent)
                done(error.description)
            }
        }
        // The last answers come after the load has ended: what counts is what is served while it lasts.
        let served = over.goodByTenth.prefix(Int(seconds * 10)).reduce(0, +)
        report.add("offered", rate, "operations/s")
        report.add("served meanwhile", Double(served) / seconds, "operations/s")
        report.add("served meanwhile, of the most", 100 * Double(served) / seconds / most.rate, "%")
        for refusal in told.all {
            report.add("told \(refusal.code)", Double(refusal.count), "operations")
            report.add("told \(refusal.code) p50", refusal.median, "ms")
            report.add("told \(refusal.code) p99", refusal.p99, "ms")
        }
        report.add("served p50", over.goodMilliseconds(50), "ms")
        report.add("served p99", over.goodMilliseconds(99), "ms")
        report.add("answered after the load's end", over.seconds - seconds, "s")
        report.add("until all is well", try await untilWell(mix, rate: most.rate / 4, since: end, &report), "s")
        try await service.settle()
        return report
    }

    /// Seconds until a quarter of the most is served for half a second without an error and with a p99 below 100 ms.
    private func untilWell(
        _ mix: OperationMix,
        rate: Double,
        since end: ContinuousClock.Instant,
        _ report: inout WorkloadReport
    ) async throws -> Double {
        let deadline = end + .seconds(30)
        while ContinuousClock.now < deadline {
            let began = ContinuousClock.now
            let probe = try await mix.open(rate: rate, seconds: 0.5)
            if probe.errorCount == 0, probe.milliseconds(99) < 100 { return max(0, (began - end).inSeconds) }
        }
        report.faults.append("all was not well 30 s after the load's end")
        return 30
    }
}
