internal import Client
internal import Randomness
internal import Synchronization

/// The mixes of operations that others have published.
extension Workbench {
    /// `twip`: Pequod's benchmark (Kate, Kohler and others, NSDI 2014): a share of the users is active, and of their
    /// operations 100 read what is new since their last one, 10 follow somebody, 5 log out and 1 is a post.
    ///
    /// - Parameter round: each draws its own operations: what was followed before would be no work.
    package func twip(operations count: Int, activeShare: Double = 0.7, round: Int) async throws -> WorkloadReport {
        var report = report("twip")
        try await activate(share: activeShare, &report)
        let readers = max(1, Int(Double(graph.users) * activeShare))
        let authors = drawAuthors(1 << 16, seed: 17 + UInt64(round) << 8)
        let sessions = Sessions()
        var random = SeededGenerator(seed: 29 + UInt64(round) << 8)
        // Drawn before, so that drawing is not measured.
        let draws = (0..<count).map { _ in
            (kind: Int.random(in: 0..<116, using: &random), user: Int.random(in: 0..<readers, using: &random))
        }
        let mix = OperationMix(self) { number in
            let (kind, user) = draws[number]
            switch kind {
            case 0: return .post(author: authors[number % authors.count], text: "twip \(number)")
            case 1...10:
                let author = authors[(number &* 7) % authors.count]
                return .follow(follower: user, author: author == user ? (user + 1) % graph.users : author)
            default: return .check(reader: user, since: sessions.checkpoint(of: user))
            }
        }
        say("twip: \(count) operations, \(Int(activeShare * 100)) % of the users active")
        let result = try await LoadRun.closed(on: service.loop, count: count, window: 256) { number, done in
            let (kind, user) = draws[number]
            if (11...15).contains(kind) {
                // Logging out forgets how far one has read; no service is told.
                sessions.forget(user)
                return done(nil)
            }
            let operation = mix.operation(number)
            service.perform(operation) { result in
                switch result {
                case .success(let outcome):
                    sessions.note(outcome, of: user)
                    done(mix.problem(of: outcome, to: operation))
                case .failure(let error): done(error.description)
                }
            }
        }
        report.note(result, "twip")
        report.add("\(Int(activeShare * 100)) % active", result.rate, "operations/s")
        report.add("\(Int(activeShare * 100)) % active, p99", result.milliseconds(99), "ms")
        try await service.settle()
        try await mix.verify(&report)
        return report
    }

    /// `twip-sweep`: the same from few to all users active: where push and pull cross.
    package func twipSweep(operations count: Int, round: Int) async throws -> WorkloadReport {
        var report = report("twip-sweep")
        for share in [0.01, 0.1, 0.3, 0.7, 1] {
            let part = try await twip(operations: count, activeShare: share, round: round)
            for figure in part.figures where figure.unit == "operations/s" {
                report.add(figure.name, figure.value, figure.unit)
            }
            report.faults += part.faults
        }
        return report
    }

    /// `retwis`: new users 5 %, follows 15 %, posts 30 %, timelines 50 %, all by Zipf 0.75.
    package func retwis(operations count: Int, seconds: Double, round: Int) async throws -> WorkloadReport {
        var report = report("retwis")
        try await activate(&report)
        let users = drawUsers(1 << 16, exponent: 0.75, seed: 31 + UInt64(round) << 8)
        let others = drawUsers(1 << 16, exponent: 0.75, seed: 37 + UInt64(round) << 8)
        // Ids that no earlier round, and no other workload, has used.
        let newUsers = Mutex(20_000_000 + round * 10_000_000)
        let mix = OperationMix(self) { number in
            let user = users[number % users.count]
            let other = others[(number &* 3) % others.count]
            switch (number &* 61) % 100 {
            case 0..<5:
                let next = newUsers.withLock { next in
                    next += 1
                    return next
                }
                return .createUser(next)
            case 5..<20: return .follow(follower: user, author: other == user ? (user + 1) % graph.users : other)
            case 20..<50: return .post(author: user, text: "retwis \(number)")
            default: return .home(reader: user, count: 50, texts: false)
            }
        }
        say("retwis: \(count) operations")
        let most = try await mix.closed(count: count)
        report.note(most, "retwis")
        report.add("most", most.rate, "operations/s")
        try await service.settle()
        let half = try await mix.open(rate: most.rate / 2, seconds: seconds)
        report.note(half, "retwis at half")
        report.addLatency("at half of that", half)
        try await service.settle()
        try await mix.verify(&report)
        return report
    }

    /// `death-star`: home timelines 60 %, user timelines 30 %, posts 10 %; ten items each, from the first to
    /// the hundredth.
    package func deathStar(rates: [Double], seconds: Double) async throws -> WorkloadReport {
        var report = report("death-star")
        try await fillHomes(.fullPages, &report)
        let users = drawUsers(1 << 16, exponent: 0.9, seed: 41)
        let authors = drawAuthors(1 << 16, seed: 43)
        let mix = OperationMix(self) { number in
            let start = (number &* 37) % 101
            switch (number &* 61) % 10 {
            case 0..<6: return .home(reader: users[number % users.count], skip: start, count: 10, texts: false)
            case 6..<9: return .userTimeline(author: users[number % users.count], skip: start, count: 10)
            default: return .post(author: authors[number % authors.count], text: "compose \(number)")
            }
        }
        for rate in rates {
            say("death-star: \(Int(rate)) operations/s")
            let result = try await mix.open(rate: rate, seconds: seconds)
            report.note(result, "\(Int(rate)) operations/s")
            report.addLatency("\(Int(rate)) operations/s", result)
            try await service.settle()
        }
        try await mix.verify(&report)
        return report
    }
}

/// Up to where everyone who is logged in has read.
private final class Sessions: Sendable {
    private let checkpoints = Mutex<[Int: Checkpoint]>([:])

    func checkpoint(of user: Int) -> Checkpoint? { checkpoints.withLock { $0[user] } }

    func forget(_ user: Int) {
        checkpoints.withLock { $0[user] = nil }
    }

    func note(_ outcome: Outcome, of user: Int) {
        guard case .page(_, _, let next?) = outcome else { return }
        checkpoints.withLock { $0[user] = next }
    }
}
