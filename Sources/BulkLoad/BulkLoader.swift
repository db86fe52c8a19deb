internal import Client
internal import Foundation
package import LoadGenerator
internal import Synchronization

/// Loads files line by line in large batches, each line with the effect of one command. What is done is noted beside
/// the file, so that a load that was interrupted goes on; a line that is loaded twice all the same changes nothing.
package struct BulkLoader {
    package enum Kind: Sendable {
        case follows
        case tweets
    }

    package struct Summary: Sendable {
        package var loaded = 0
        package var skipped = 0
        package var seconds = 0.0
        package var problems: [LineProblem] = []

        package var rate: Double { seconds > 0 ? Double(loaded) / seconds : 0 }
    }

    private static let linesPerBatch = 20_000
    private static let window = 2_048
    private static let largestAttempts = 50
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
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let note = path + ".loaded"
        var summary = Summary()
        summary.skipped = min(lines.count, BulkLoader.linesDone(in: note))
        let began = ContinuousClock.now
        var position = summary.skipped
        while position < lines.count {
            let end = min(lines.count, position + BulkLoader.linesPerBatch)
            try await loadBatch(lines[position..<end], path, kind, &summary)
            position = end
            try "\(position)\n".write(toFile: note, atomically: true, encoding: .utf8)
            progress?(path, position, lines.count)
            guard summary.problems.count < BulkLoader.largestProblemCount else { break }
        }
        let time = ContinuousClock.now - began
        summary.seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
        return summary
    }

    private static func linesDone(in note: String) -> Int {
        guard let text = try? String(contentsOfFile: note, encoding: .utf8) else { return 0 }
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    private mutating func loadBatch(
        _ lines: ArraySlice<Substring>,
        _ path: String,
        _ kind: Kind,
        _ summary: inout Summary
    ) async throws {
        var parsed: [(number: Int, line: LoadLine)] = []
        for (index, text) in zip(lines.indices, lines) {
            let trimmed = text.hasSuffix("\r") ? text.dropLast() : text
            do throws(LineFault) {
                let line = try kind == .follows ? LoadLine.follow(trimmed) : LoadLine.tweet(trimmed)
                if let line { parsed.append((index + 1, line)) }
            } catch {
                summary.problems.append(LineProblem(path: path, line: index + 1, what: error.what))
            }
        }
        if createsUsers { try await createUsers(of: parsed.map(\.line)) }
        let name = String(URL(fileURLWithPath: path).lastPathComponent.suffix(24))
        var left = parsed
        var problems: [LineProblem] = []
        for attempt in 1... {
            let failed = try await send(left, path, name)
            summary.loaded += left.count - failed.count
            problems.append(contentsOf: failed.filter { !$0.isRetryable }.map(\.problem))
            let again = Set(failed.filter(\.isRetryable).map(\.problem.line))
            left = left.filter { again.contains($0.number) }
            guard !left.isEmpty else { break }
            // Nothing is noted as done that is not: the same command goes on here.
            guard attempt < BulkLoader.largestAttempts else {
                throw ClientError.disconnected(
                    "\(left.count) lines of \(path) are not taken: \(failed.last?.problem.what ?? ""); give the command again"
                )
            }
            try await Task.sleep(for: .milliseconds(100 * attempt))
        }
        summary.problems.append(contentsOf: problems.sorted { $0.line < $1.line })
    }

    /// A line that was refused, and whether it may be taken later.
    private struct Refused {
        let problem: LineProblem
        let isRetryable: Bool
    }

    private func send(
        _ lines: [(number: Int, line: LoadLine)],
        _ path: String,
        _ name: String
    ) async throws -> [Refused] {
        let failed = Mutex<[Refused]>([])
        let result = try await stream.closed(
            count: lines.count,
            window: BulkLoader.window,
            lane: { lines[$0].line.actor },
            make: { BulkLoader.command(lines[$0].line, name: name, number: lines[$0].number) },
            check: { number, reply in
                guard case .error(let what) = reply else { return nil }
                let problem = LineProblem(path: path, line: lines[number].number, what: what)
                let isRetryable = ["BUSY ", "UNAVAILABLE ", "TIMEOUT "].contains { what.hasPrefix($0) }
                failed.withLock { $0.append(Refused(problem: problem, isRetryable: isRetryable)) }
                return what
            }
        )
        let refused = failed.withLock { $0 }
        guard refused.count == result.errorCount else {
            throw ClientError.disconnected(result.errors.last ?? "the router went away; give the command again")
        }
        return refused
    }

    /// Creates the users that lines name and this load has not created yet.
    private mutating func createUsers(of lines: [LoadLine]) async throws {
        let fresh = Array(Set(lines.flatMap(\.users)).subtracting(knownUsers)).sorted()
        knownUsers.formUnion(fresh)
        let result = try await stream.closed(count: fresh.count, window: BulkLoader.window) { number in
            ["USER.CREATE", RookeryService.username(of: fresh[number]), "ID", String(fresh[number])]
        } check: { _, reply in
            if case .error(let what) = reply, !what.hasPrefix("EXISTS") { what } else { nil }
        }
        guard result.errorCount == 0 else {
            throw ClientError.disconnected("users cannot be created: \(result.errors.first ?? "")")
        }
    }

    private static func command(_ line: LoadLine, name: String, number: Int) -> [String] {
        switch line {
        case .follow(let follower, let followee): return ["FOLLOW", String(follower), String(followee)]
        case .tweet(let author, let text, let replyTo, let quote):
            // The text is part of the key, so that files of one name do not mistake each other's lines for theirs.
            let content = text.utf8.reduce(UInt64(14_695_981_039_346_656_037)) {
                ($0 ^ UInt64($1)) &* 1_099_511_628_211
            }
            var words = ["TWEET.POST", String(author), text, "KEY", "\(name):\(number):\(String(content, radix: 36))"]
            if let replyTo { words += ["REPLYTO", String(replyTo)] }
            if let quote { words += ["QUOTE", String(quote)] }
            return words
        }
    }
}
