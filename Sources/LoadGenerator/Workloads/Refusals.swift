package import Client
internal import Histogram
internal import Synchronization

/// What operations that were not served were told, by the first word of the error, and how soon.
package final class Refusals: Sendable {
    private struct Told {
        var count = 0
        /// In microseconds.
        var latency = Histogram<UInt32>(highestTrackableValue: 120_000_000, numberOfSignificantValueDigits: .three)
    }

    private let byCode = Mutex<[String: Told]>([:])

    package init() {}

    /// - Parameter time: from when the operation was sent.
    package func note(_ error: ClientError, after time: Duration) {
        let code = String(error.description.prefix { $0 != " " && $0 != ":" })
        let microseconds = UInt64(max(1, min(time.inSeconds * 1e6, 119_000_000)))
        byCode.withLock { told in
            told[code, default: Told()].count += 1
            _ = told[code]?.latency.record(microseconds)
        }
    }

    /// By the alphabet; milliseconds.
    package var all: [(code: String, count: Int, median: Double, p99: Double)] {
        byCode.withLock { $0 }.sorted { $0.key < $1.key }.map { code, told in
            let (median, p99) = (told.latency.valueAtPercentile(50), told.latency.valueAtPercentile(99))
            return (code, told.count, Double(median) / 1_000, Double(p99) / 1_000)
        }
    }
}
