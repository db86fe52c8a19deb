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
    private static let window = 4_096
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
        let batch = parsed
        let failed = Mutex<[LineProblem]>([])
        let name = URL(fileURLWithPath: path).lastPathComponent
        let result = try await stream.closed(count: batch.count, window: BulkLoader.window) { number in
            BulkLoader.command(batch[number].line, key: "load:\(name.suffix(40)):\(batch[number].number)")
        } check: { number, reply in
            guard case .error(let what) = reply else { return nil }
            failed.withLock { $0.append(LineProblem(path: path, line: batch[number].number, what: what)) }
            return what
        }
        let problems = failed.withLock { $0 }
        guard problems.count == result.errorCount else {
            throw ClientError.disconnected(result.errors.last ?? "the router went away; give the command again")
        }
        summary.loaded += batch.count - problems.count
        summary.problems.append(contentsOf: problems.sorted { $0.line < $1.line })
    }

    /// Creates the users that lines name and this load has not created yet.
    private mutating func createUsers(of lines: [LoadLine]) async throws {
        let fresh = Array(Set(lines.flatMap(\.users)).subtracting(knownUsers)).sorted()
        knownUsers.formUnion(fresh)
        let result = try await stream.closed(count: fresh.count, window: BulkLoader.window) { number in
            ["USER.CREATE", Workbench.username(of: fresh[number]), "ID", String(fresh[number])]
        } check: { _, reply in
            if case .error(let what) = reply, !what.hasPrefix("EXISTS") { what } else { nil }
        }
        guard result.errorCount == 0 else {
            throw ClientError.disconnected("users cannot be created: \(result.errors.first ?? "")")
        }
    }

    private static func command(_ line: LoadLine, key: String) -> [String] {
        switch line {
        case .follow(let follower, let followee): return ["FOLLOW", String(follower), String(followee)]
        case .tweet(let author, let text, let replyTo, let quote):
            var words = ["TWEET.POST", String(author), text, "KEY", key]
            if let replyTo { words += ["REPLYTO", String(replyTo)] }
            if let quote { words += ["QUOTE", String(quote)] }
            return words
        }
    }
}
