extension Workbench {
    /// `home`: pages of 50, readers by Zipf 0.9, timelines full; ids alone and with texts.
    package func home(pages count: Int) async throws -> WorkloadReport {
        var report = report("home")
        try await fillHomes(&report)
        let readers = drawUsers(count, exponent: 0.9, seed: 11)
        for (name, texts, share) in [("ids", false, 1), ("texts", true, 4)] {
            say("reading \(count / share) pages of 50 \(name)")
            let result = try await service.closed(count: count / share) { number in
                .home(reader: readers[number], count: 50, texts: texts)
            } check: { _, outcome in
                Workbench.pageProblem(outcome, least: 50, texts: texts)
            }
            report.note(result, name)
            report.add("pages of \(name)", result.rate, "pages/s")
            let half = try await service.open(rate: result.rate / 2, seconds: 3) { number in
                .home(reader: readers[number % readers.count], count: 50, texts: texts)
            }
            report.note(half, "\(name) at half")
            report.addLatency("pages of \(name) at half of that", half)
        }
        return report
    }

    /// Posts until the homes hold full pages, and reads them all once.
    func fillHomes(_ report: inout WorkloadReport) async throws {
        try await activate(&report)
        let sample = Array(stride(from: 0, to: graph.users, by: max(1, graph.users / 2_000)))
        for round in 0..<20 {
            let short = try await service.closed(count: sample.count) { number in
                .home(reader: sample[number], count: 50, texts: false)
            } check: { _, outcome in
                Workbench.pageProblem(outcome, least: 50)
            }
            if short.errorCount == 0 { return }
            say("filling homes: \(short.errorCount) of \(sample.count) pages are short")
            // Every author posts: whom nobody with full pages follows would else never be on a page.
            let posted = try await service.closed(count: graph.users) { number in
                .post(author: number, text: "fill \(round) \(number)")
            }
            report.note(posted, "filling")
            try await service.settle()
        }
        report.faults.append("homes stay short")
    }
}
