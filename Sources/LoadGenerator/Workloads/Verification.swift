extension Workbench {
    /// Entries of a page that is compared with what was posted.
    static let verifiedPageSize = 50
    /// Homes that are compared, and as many authors' pages.
    private static let verifiedPages = 500
    private static let verifyingPatience = Duration.seconds(30)

    /// Compares some homes with their texts, and authors' pages, entry by entry, with what was posted. What is still on its way has some time
    /// to come, which no figure contains.
    func verify(_ tweets: PostedTweets, _ report: inout WorkloadReport) async throws {
        let sample = spread(Array(0..<graph.users), Workbench.verifiedPages)
        let deadline = ContinuousClock.now + Workbench.verifyingPatience
        while true {
            let homes = try await service.closed(count: sample.count) { number in
                .home(reader: sample[number], count: Workbench.verifiedPageSize, texts: true)
            } check: { number, outcome in
                tweets.problemOfPage(outcome, of: sample[number])
            }
            let authored = try await service.closed(count: sample.count) { number in
                .userTimeline(author: sample[number], count: Workbench.verifiedPageSize)
            } check: { number, outcome in
                tweets.problemOfAuthored(outcome, by: sample[number])
            }
            guard homes.errorCount + authored.errorCount > 0, ContinuousClock.now < deadline else {
                report.note(homes, "whole homes")
                report.note(authored, "authors' pages")
                return
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
