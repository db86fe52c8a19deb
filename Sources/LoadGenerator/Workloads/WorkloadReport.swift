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
        // Operations as such are those that were not served.
        figures.append(
            Figure(name: name, value: value, unit: unit, lessIsBetter: ["ms", "s", "operations"].contains(unit))
        )
    }

    /// - Parameter ofServedOnly: where some may be refused, which takes no time and would flatter.
    mutating func addLatency(_ name: String, _ result: StreamResult, ofServedOnly: Bool = false) {
        for percentile in [50, 99, 99.9] {
            let shown = percentile == 99.9 ? "99.9" : String(Int(percentile))
            let time = ofServedOnly ? result.goodMilliseconds(percentile) : result.milliseconds(percentile)
            add("\(name) p\(shown)", time, "ms")
        }
    }

    /// What a probe found that posts and waits until a follower sees the tweet.
    mutating func addVisibility(_ name: String, _ probe: VisibilityProbe.Result) {
        note(probe.visible, "\(name): visibility")
        // Of a few samples a lost one says nothing.
        if probe.visible.commands == 0 || probe.lost > max(3, probe.visible.commands / 20) {
            faults.append("\(name): of \(probe.visible.commands) samples of visibility \(probe.lost) were lost")
        }
        add("\(name), a post p99", probe.posted.milliseconds(99), "ms")
        add("\(name), post to visible p50", probe.visible.milliseconds(50), "ms")
        add("\(name), post to visible p99", probe.visible.milliseconds(99), "ms")
    }

    mutating func note(_ result: StreamResult, _ what: String) {
        if result.errorCount > 0 { faults.append("\(what): \(result.errorCount) errors, \(result.errors)") }
    }
}
