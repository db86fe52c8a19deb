/// A workload's result: figures with their units, in the order to be shown.
package struct WorkloadReport: Sendable {
    package struct Figure: Sendable {
        package let name: String
        package let value: Double
        package let unit: String
        /// Whether less is better, as with times.
        package let lessIsBetter: Bool
    }

    package let workload: String
    package let service: String
    package private(set) var figures: [Figure] = []
    /// Why the run is void; empty where it is not.
    package var faults: [String] = []

    package init(workload: String, service: String) {
        self.workload = workload
        self.service = service
    }

    package mutating func add(_ name: String, _ value: Double, _ unit: String) {
        figures.append(Figure(name: name, value: value, unit: unit, lessIsBetter: unit == "ms" || unit == "s"))
    }

    mutating func addLatency(_ name: String, _ result: StreamResult) {
        add("\(name) p50", result.milliseconds(50), "ms")
        add("\(name) p99", result.milliseconds(99), "ms")
        add("\(name) p99.9", result.milliseconds(99.9), "ms")
    }

    /// What a probe found that posts and waits until a follower sees the tweet.
    mutating func addVisibility(_ name: String, _ probe: VisibilityProbe.Result) {
        note(probe.visible, "\(name): visibility")
        add("\(name), a post p99", probe.posted.milliseconds(99), "ms")
        add("\(name), post to visible p50", probe.visible.milliseconds(50), "ms")
        add("\(name), post to visible p99", probe.visible.milliseconds(99), "ms")
    }

    mutating func note(_ result: StreamResult, _ what: String) {
        if result.errorCount > 0 { faults.append("\(what): \(result.errorCount) errors, \(result.errors)") }
    }
}
