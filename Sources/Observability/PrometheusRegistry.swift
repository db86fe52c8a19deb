package import CoreMetrics
internal import Synchronization

/// The metrics backend of every process: counters, gauges and histograms, shown in Prometheus's text format.
///
/// Reference: prometheus.io, "Exposition formats", text format 0.0.4.
package final class PrometheusRegistry: MetricsFactory {
    fileprivate struct Key: Hashable {
        let name: String
        let labels: String
    }

    private struct Handlers {
        var counters: [Key: PrometheusCounter] = [:]
        var gauges: [Key: PrometheusGauge] = [:]
        var histograms: [Key: PrometheusHistogram] = [:]
    }

    private let handlers = Mutex(Handlers())

    package init() {}

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let key = PrometheusRegistry.key(label, dimensions)
        return handlers.withLock { handlers in
            handlers.counters[key]
                ?? {
                    let counter = PrometheusCounter()
                    handlers.counters[key] = counter
                    return counter
                }()
        }
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        aggregate ? histogram(label, dimensions, .values) : gauge(label, dimensions)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(label, dimensions, .seconds)
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {
        guard let gauge = handler as? PrometheusGauge else { return }
        handlers.withLock { $0.gauges[gauge.key] = nil }
    }
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> PrometheusGauge {
        let key = PrometheusRegistry.key(label, dimensions)
        return handlers.withLock { handlers in
            handlers.gauges[key]
                ?? {
                    let gauge = PrometheusGauge(key: key)
                    handlers.gauges[key] = gauge
                    return gauge
                }()
        }
    }

    private func histogram(
        _ label: String,
        _ dimensions: [(String, String)],
        _ unit: PrometheusHistogram.Unit
    ) -> PrometheusHistogram {
        let key = PrometheusRegistry.key(label, dimensions)
        return handlers.withLock { handlers in
            handlers.histograms[key]
                ?? {
                    let histogram = PrometheusHistogram(unit)
                    handlers.histograms[key] = histogram
                    return histogram
                }()
        }
    }

    /// Everything, as Prometheus scrapes it.
    package func text() -> String {
        let current = handlers.withLock { $0 }
        var lines: [String] = []
        func section<Handler>(_ all: [Key: Handler], _ type: String, _ body: (Key, Handler) -> [String]) {
            for (name, group) in Dictionary(grouping: all, by: \.key.name).sorted(by: { $0.key < $1.key }) {
                lines.append("# TYPE \(name) \(type)")
                for (key, handler) in group.sorted(by: { $0.key.labels < $1.key.labels }) {
                    lines.append(contentsOf: body(key, handler))
                }
            }
        }
        section(current.counters, "counter") { ["\($0.name)\(PrometheusRegistry.braces($0.labels)) \($1.value)"] }
        section(current.gauges, "gauge") { ["\($0.name)\(PrometheusRegistry.braces($0.labels)) \($1.value)"] }
        section(current.histograms, "histogram") { $1.lines(name: $0.name, labels: $0.labels) }
        return lines.joined(separator: "\n") + "\n"
    }

    static func braces(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

    private static func key(_ label: String, _ dimensions: [(String, String)]) -> Key {
        let labels = dimensions.map { name, value in
            let escaped = value.flatMap { character -> [Character] in
                switch character {
                case "\\": ["\\", "\\"]
                case "\"": ["\\", "\""]
                case "\n": ["\\", "n"]
                default: [character]
                }
            }
            return "\(sanitized(name))=\"\(String(escaped))\""
        }
        return Key(name: "rookery_" + sanitized(label), labels: labels.joined(separator: ","))
    }

    private static func sanitized(_ name: String) -> String {
        String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    }
}

/// A sum that only grows.
private final class PrometheusCounter: CounterHandler {
    private let sum = Atomic<Int64>(0)

    var value: Int64 { sum.load(ordering: .relaxed) }

    func increment(by amount: Int64) { sum.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { sum.store(0, ordering: .relaxed) }
}

/// A value as it is now.
private final class PrometheusGauge: RecorderHandler, MeterHandler {
    let key: PrometheusRegistry.Key
    private let bits = Atomic<UInt64>(0)

    init(key: PrometheusRegistry.Key) { self.key = key }

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }
    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }
    func increment(by amount: Double) { set(value + amount) }
    func decrement(by amount: Double) { set(value - amount) }
}

/// How many values fell under each bound.
private final class PrometheusHistogram: RecorderHandler, TimerHandler {
    enum Unit {
        /// Bounds from 50 microseconds to 10 seconds.
        case seconds
        /// Powers of four from 1 to about 1 million.
        case values
    }

    private struct Counts {
        var buckets: [UInt64]
        var sum = 0.0
        var count: UInt64 = 0
    }

    private static let secondBounds: [Double] = [
        0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
    ]
    private static let valueBounds: [Double] = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576]

    private let bounds: [Double]
    private let counts: Mutex<Counts>

    init(_ unit: Unit) {
        bounds = unit == .seconds ? PrometheusHistogram.secondBounds : PrometheusHistogram.valueBounds
        counts = Mutex(Counts(buckets: [UInt64](repeating: 0, count: bounds.count)))
    }

    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 }
        counts.withLock { counts in
            if let bucket { counts.buckets[bucket] += 1 }
            counts.sum += value
            counts.count += 1
        }
    }

    func lines(name: String, labels: String) -> [String] {
        let current = counts.withLock { $0 }
        let separator = labels.isEmpty ? "" : ","
        var total: UInt64 = 0
        var lines: [String] = []
        for (bound, count) in zip(bounds, current.buckets) {
            total += count
            lines.append("\(name)_bucket{\(labels)\(separator)le=\"\(bound)\"} \(total)")
        }
        lines.append("\(name)_bucket{\(labels)\(separator)le=\"+Inf\"} \(current.count)")
        lines.append("\(name)_sum\(PrometheusRegistry.braces(labels)) \(current.sum)")
        lines.append("\(name)_count\(PrometheusRegistry.braces(labels)) \(current.count)")
        return lines
    }
}
