package import Histogram

/// What a run of operations came to.
package struct StreamResult: Sendable {
    package var commands = 0
    package var seconds = 0.0
    /// The first errors, at most a few.
    package var errors: [String] = []
    package var errorCount = 0
    /// In microseconds: from when each operation was due, so that a stall counts for everything it delays.
    package var latency = Histogram<UInt32>(highestTrackableValue: 120_000_000, numberOfSignificantValueDigits: .three)
    /// The same of those without an error alone.
    package var goodLatency = Histogram<UInt32>(
        highestTrackableValue: 120_000_000,
        numberOfSignificantValueDigits: .three
    )
    /// Answered without an error, in each tenth of a second since the start.
    package var goodByTenth: [Int] = []

    package init() {}

    package var rate: Double { seconds > 0 ? Double(commands) / seconds : 0 }
    /// Operations without an error, a second.
    package var goodput: Double { seconds > 0 ? Double(commands - errorCount) / seconds : 0 }

    package func milliseconds(_ percentile: Double) -> Double { Double(latency.valueAtPercentile(percentile)) / 1_000 }

    package func goodMilliseconds(_ percentile: Double) -> Double {
        Double(goodLatency.valueAtPercentile(percentile)) / 1_000
    }

    mutating func record(microseconds: Int64) {
        commands += 1
        _ = latency.record(UInt64(max(1, min(microseconds, 119_000_000))))
    }

    mutating func note(_ problem: String) {
        errorCount += 1
        if errors.count < 5 { errors.append(problem) }
    }

    mutating func noteGood(after nanoseconds: Int64, microseconds: Int64) {
        _ = goodLatency.record(UInt64(max(1, min(microseconds, 119_000_000))))
        let tenth = Int(nanoseconds / 100_000_000)
        while goodByTenth.count <= tenth, tenth < 36_000 { goodByTenth.append(0) }
        if tenth < goodByTenth.count { goodByTenth[tenth] += 1 }
    }
}
