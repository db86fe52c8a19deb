extension Workbench {
    /// Who is looked at to see whether everything is visible: some of all readers, and some of those whom the last posts go
    /// to, who may be few among many.
    func witnesses(of authors: [Int]) -> [Int] {
        var isLate = [Bool](repeating: false, count: graph.users)
        for author in authors.suffix(256) { isLate[author] = true }
        let readers = Array(0..<graph.users)
        let awaiting = readers.filter { reader in graph.following[reader].contains { isLate[Int($0)] } }
        return spread(readers, 256) + spread(awaiting, 512)
    }

    /// As many of some readers, evenly.
    func spread(_ readers: [Int], _ count: Int) -> [Int] {
        stride(from: 0, to: readers.count, by: max(1, readers.count / count)).map { readers[$0] }
    }

    /// Waits until the newest tweet in the homes of some readers is the one that it must be; gives up after a minute.
    func waitUntilVisible(_ tweets: PostedTweets, to readers: [Int], _ report: inout WorkloadReport) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let result = try await service.closed(count: readers.count) { number in
                .home(reader: readers[number], count: 1, texts: false)
            } check: { number, outcome in
                tweets.problemOfNewest(outcome, of: readers[number])
            }
            if result.errorCount == 0 { return }
            try await Task.sleep(for: .milliseconds(2))
        }
        report.faults.append("not everything was visible after a minute")
    }
}
