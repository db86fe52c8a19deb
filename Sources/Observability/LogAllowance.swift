internal import CoreMetrics
internal import Synchronization

/// How many lines each place in the program may log: many at once, as when a node with hundreds of partitions starts, and some in each
/// second for ever. Whoever connects without the secret as fast as the network carries must not fill the disk.
package final class LogAllowance: Sendable {
    /// Lines that a place which has rested may log at once.
    package static let burst = 2_000
    /// Lines that a place may log in each second for ever.
    package static let linesPerSecond = 20

    /// What a line may do.
    package enum Verdict: Equatable, Sendable {
        /// It is written, and says how many of its place were left out before it.
        case written(leftOut: Int)
        case leftOut
    }

    /// A line of the program. There are no more of them than the program has.
    package struct Place: Hashable, Sendable {
        package let file: String
        package let line: UInt

        package init(file: String, line: UInt) {
            self.file = file
            self.line = line
        }
    }

    private struct Bucket {
        var lines = Double(LogAllowance.burst)
        var filled: ContinuousClock.Instant
        var leftOut = 0
    }

    private let buckets = Mutex<[Place: Bucket]>([:])
    private let leftOutTotal = Counter(label: "log.lines.left.out.total")

    package init() {}

    /// Takes a line of a place's allowance, where there is one. A lock and a lookup.
    package func ask(_ place: Place, now: ContinuousClock.Instant) -> Verdict {
        let verdict: Verdict = buckets.withLock { buckets in
            var bucket = buckets[place] ?? Bucket(filled: now)
            let gained = (now - bucket.filled) / .seconds(1) * Double(Self.linesPerSecond)
            bucket.lines = min(Double(Self.burst), bucket.lines + max(0, gained))
            bucket.filled = now
            defer { buckets[place] = bucket }
            guard bucket.lines >= 1 else {
                bucket.leftOut += 1
                return .leftOut
            }
            bucket.lines -= 1
            defer { bucket.leftOut = 0 }
            return .written(leftOut: bucket.leftOut)
        }
        if verdict == .leftOut { leftOutTotal.increment() }
        return verdict
    }
}
