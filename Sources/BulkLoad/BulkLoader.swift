internal import Client
internal import Foundation
package import LoadGenerator
internal import Synchronization

/// Loads files in large batches, each line with the effect of one command. What is done is noted beside the file,
/// so that a load that was interrupted goes on; a line that is loaded twice all the same changes nothing.
package struct BulkLoader {
    package enum Kind: Sendable {
        /// Lines of `follower<TAB>followee`.
        case follows
        /// JSON lines, a tweet each.
        case tweets
        /// What `ClusterDump` wrote.
        case dump
    }

    package struct Summary: Sendable {
        package var loaded = 0
        package var skipped = 0
        /// Lines that an earlier run found errors in.
        package var earlierProblems = 0
        /// Lines of a dump that name users who left, or came, while it was written.
        package var gone = 0
        package var seconds = 0.0
        package var problems: [LineProblem] = []

        package var rate: Double { seconds > 0 ? Double(loaded) / seconds : 0 }
    }

    /// Lines between two notes of how far the load is.
    private static let linesPerBatch = 100_000
    /// Lines that are sent and not answered.
    private static let window = 8_192
    /// Creating a user takes longer than anything else, and several partitions.
    private static let largestWindowOfUsers = 1_024
    private static let largestProblemCount = 10_000

    private let stream: CommandStream
    private let createsUsers: Bool
    private let progress: (@Sendable (_ path: String, _ done: Int, _ total: Int) -> Void)?
    private var knownUsers: Set<UInt64> = []

    package init(
        stream: CommandStream,
        createsUsers: Bool,
        progress: (@Sendable (_ path: String, _ done: Int, _ total: Int) -> Void)? = nil
    ) {
        self.stream = stream
        self.createsUsers = createsUsers
        self.progress = progress
    }

    /// Loads a file from behind the lines that an earlier run has noted as done.
    ///
    /// - Returns: what became of it; lines with errors are in it with their numbers and stop nothing.
    package mutating func load(_ path: String, _ kind: Kind) async throws -> Summary {
        var (note, file) = try LoadNote.open(path, cluster: try await clusterID())
        var summary = Summary()
        summary.skipped = file.count
        summary.earlierProblems = note.problems
        let began = ContinuousClock.now
        while true {
            let lines = try file.next(BulkLoader.linesPerBatch)
            guard !lines.isEmpty else { break }
            try await loadBatch(lines, path, kind, &summary)
            note.lines = file.count
            note.fingerprint = file.fingerprint
            note.problems = summary.earlierProblems + summary.problems.count
            try note.write(of: path)
            progress?(path, file.position, file.size)
            guard summary.problems.count < BulkLoader.largestProblemCount else {
                let last = summary.problems.last.map { "; the last: \($0)" } ?? ""
                throw LineFault("\(path): \(summary.problems.count) of \(file.count) lines have errors\(last)")
            }
        }
        let time = ContinuousClock.now - began
        summary.seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        return summary
    }

    private func clusterID() async throws -> String {
        guard let id = try await stream.askPatiently(["CLUSTER.INFO"])["id"]?.string else {
            throw ClientError.disconnected("CLUSTER.INFO does not say which cluster it is")
        }
        return id
    }

    private mutating func loadBatch(
        _ lines: [LineFile.Line],
        _ path: String,
        _ kind: Kind,
        _ summary: inout Summary
    ) async throws {
        var parsed: [LoadStep.Line] = []
        var problems: [LineProblem] = []
        for line in lines {
            do throws(LineFault) {
                if let step = try kind.parse(try line.text.get()[...]) { parsed.append((line.number, step)) }
            } catch {
                problems.append(LineProblem(path: path, line: line.number, what: error.what))
            }
        }
        // A dump has its users in front of all that names them.
        if createsUsers, kind != .dump { try await createUsers(of: parsed.map(\.line)) }
        let name = Fingerprint.of(URL(fileURLWithPath: path).lastPathComponent)
        var rest = parsed[...]
        while let first = rest.first {
            let run = rest.prefix { $0.line.isOfTheKind(of: first.line) }
            rest = rest.dropFirst(run.count)
            let refusals = try await carryOut(LoadStep.gather(run), name)
            var refused = try await withoutThoseThere(refusals)
            if kind == .dump {
                let count = refused.count
                refused.removeAll { !$0.step.isUser && $0.what.hasPrefix("NOTFOUND ") }
                summary.gone += count - refused.count
                summary.loaded -= count - refused.count
            }
            problems += refused.map { LineProblem(path: path, line: $0.step.lines.first?.number ?? 0, what: $0.what) }
            summary.loaded += run.count - refused.count
        }
        summary.problems.append(contentsOf: problems.sorted { $0.line < $1.line })
    }

    /// A step that was refused, and whether it may be taken later.
    private struct Refused: Sendable {
        let step: LoadStep
        let what: String

        var isRetryable: Bool { Patience.isWorthwhile(what) }
    }

    /// Carries steps out, again where the cluster cannot now.
    ///
    /// - Returns: those that it never will, each of one line.
    private func carryOut(_ steps: [LoadStep], _ name: String) async throws -> [Refused] {
        var lanes = LoadLanes(steps) { $0.actor }
        var refused: [Refused] = []
        var attempt = 0
        while !lanes.isEmpty {
            let next = lanes.takeNext()
            let refusals = try await send(next, name)
            for refusal in refusals {
                if refusal.isRetryable {
                    lanes.putBack([refusal.step])
                } else if refusal.step.lines.count > 1 {
                    // One of its lines is wrong, and the others are not.
                    lanes.putBack(refusal.step.apart)
                } else {
                    refused.append(refusal)
                }
            }
            guard let last = refusals.last(where: \.isRetryable) else { continue }
            attempt = refusals.count(where: \.isRetryable) < next.count ? 1 : attempt + 1
            // Nothing is noted as done that is not: the same command goes on here.
            guard attempt < Patience.attempts else {
                throw ClientError.disconnected(
                    "\(lanes.count) commands are not taken: \(last.what); give the command again"
                )
            }
            try await Patience.pause(after: attempt)
        }
        return refused
    }

    private func send(_ steps: [LoadStep], _ name: String) async throws -> [Refused] {
        guard !steps.isEmpty else { return [] }
        let refused = Mutex<[Refused]>([])
        let lines = steps.reduce(0) { $0 + $1.lines.count }
        let result = try await stream.closed(
            count: steps.count,
            window: steps.first?.isUser == true
                ? BulkLoader.largestWindowOfUsers : max(1, BulkLoader.window * steps.count / lines),
            lane: { steps[$0].actor },
            make: { steps[$0].command(name: name) },
            check: { number, reply in
                guard case .error(let what) = reply else { return nil }
                refused.withLock { $0.append(Refused(step: steps[number], what: what)) }
                return what
            }
        )
        let refusals = refused.withLock { $0 }
        guard refusals.count == result.errorCount else {
            throw ClientError.disconnected(result.errors.last ?? "the router went away; give the command again")
        }
        return refusals
    }

    /// Leaves out users who exist with their lines' ids and usernames: an earlier load has created them.
    private func withoutThoseThere(_ refusals: [Refused]) async throws -> [Refused] {
        let found = Mutex<Set<Int>>([])
        let users: [(index: Int, user: UserLine)] = refusals.enumerated().compactMap { index, refusal in
            guard case .user(let user)? = refusal.step.lines.first?.line, refusal.what.hasPrefix("EXISTS ") else {
                return nil
            }
            return (index, user)
        }
        guard !users.isEmpty else { return refusals }
        let result = try await stream.closed(count: users.count, window: BulkLoader.largestWindowOfUsers) { number in
            ["USER.FIND", users[number].user.username]
        } check: { number, reply in
            if case .error(let what) = reply { return what }
            if case .text(String(users[number].user.id.value)) = reply {
                found.withLock { _ = $0.insert(users[number].index) }
            }
            return nil
        }
        guard result.errorCount == 0 else {
            throw ClientError.disconnected(
                "users cannot be looked up: \(result.errors.last ?? "the router went away"); give the command again"
            )
        }
        let there = found.withLock { $0 }
        return refusals.enumerated().filter { !there.contains($0.offset) }.map(\.element)
    }

    /// Creates the users that lines name and this load has not created yet.
    private mutating func createUsers(of lines: [LoadLine]) async throws {
        let fresh = Array(Set(lines.flatMap(\.users)).subtracting(knownUsers)).sorted()
        knownUsers.formUnion(fresh)
        let steps = fresh.compactMap { id in
            Identifier(id).map { LoadStep(creating: $0, username: RookeryService.username(of: id)) }
        }
        let refused = try await carryOut(steps, "").filter { !$0.what.hasPrefix("EXISTS ") }
        guard refused.isEmpty else {
            throw ClientError.disconnected("users cannot be created: \(refused.first?.what ?? "")")
        }
    }
}

extension BulkLoader.Kind {
    fileprivate func parse(_ text: Substring) throws(LineFault) -> LoadLine? {
        switch self {
        case .follows: try LoadLine.follow(text)
        case .tweets: try LoadLine.tweet(text)
        case .dump: try LoadLine.dumped(text)
        }
    }
}
