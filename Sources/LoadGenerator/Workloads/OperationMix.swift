internal import Client

/// Operations of several kinds, numbered, whose posts and follows are noted so that pages can be compared with them.
package struct OperationMix: Sendable {
    let bench: Workbench
    package let tweets: PostedTweets
    let operation: @Sendable (Int) -> Operation

    package init(_ bench: Workbench, operation: @escaping @Sendable (Int) -> Operation) {
        self.bench = bench
        self.operation = operation
        tweets = PostedTweets(bench)
    }

    /// Keeps `window` operations under way until `count` are done.
    func closed(count: Int, window: Int = 256) async throws -> StreamResult {
        try await LoadRun.closed(on: bench.service.loop, count: count, window: window, step: step)
    }

    /// Begins `rate` operations a second for so many seconds.
    func open(rate: Double, seconds: Double) async throws -> StreamResult {
        try await LoadRun.open(on: bench.service.loop, rate: rate, seconds: seconds, step: step)
    }

    /// Compares pages with what was posted. Not after errors: what came of a post without an answer, nobody can tell.
    func verify(_ report: inout WorkloadReport) async throws {
        try await bench.verify(tweets, &report)
    }

    private func step(_ number: Int, _ done: @escaping (String?) -> Void) {
        let operation = operation(number)
        bench.service.perform(operation) { result in
            switch result {
            case .success(let outcome): done(problem(of: outcome, to: operation))
            case .failure(let error): done(error.description)
            }
        }
    }

    /// What is wrong with the outcome of one operation.
    package func problem(of outcome: Outcome, to operation: Operation) -> String? {
        switch operation {
        case .createUser: return nil
        case .post(let author, let text): return tweets.note(outcome, by: author, text)
        case .follow(let follower, let author):
            bench.added.note(follower: follower, author: author)
            return nil
        case .home, .check, .userTimeline: return Workbench.pageProblem(outcome)
        }
    }
}

extension Workbench {
    /// Posts by the post weights and home reads by Zipf 0.9, so many reads to a post.
    func postsAndReads(readsPerPost: Int) -> OperationMix {
        let authors = drawAuthors(1 << 16, seed: 17)
        let readers = drawUsers(1 << 16, exponent: 0.9, seed: 13)
        return OperationMix(self) { number in
            number % (readsPerPost + 1) == 0
                ? .post(author: authors[number % authors.count], text: "post \(number)")
                : .home(reader: readers[number % readers.count], count: 50, texts: false)
        }
    }
}
