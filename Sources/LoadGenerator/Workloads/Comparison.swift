/// The figures of all services over all rounds: medians, and the first service's ratio to each other one.
package struct Comparison: Sendable {
    package struct Row: Sendable {
        package let workload: String
        package let figure: String
        package let unit: String
        package let lessIsBetter: Bool
        /// Each service's values, one a round, in the order of the rounds.
        package var values: [String: [Double]] = [:]

        package func median(_ service: String) -> Double? {
            guard let sorted = values[service]?.sorted(), !sorted.isEmpty else { return nil }
            let middle = sorted.count / 2
            return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        }

        /// How many times better the first service is than the second; nil where one of them has no figure.
        package func ratio(_ first: String, to second: String) -> Double? {
            guard let left = median(first), let right = median(second), left > 0, right > 0 else { return nil }
            return lessIsBetter ? right / left : left / right
        }
    }

    package private(set) var rows: [Row] = []
    package private(set) var faults: [String] = []

    package init() {}

    package mutating func add(_ report: WorkloadReport) {
        for figure in report.figures {
            let index = rows.firstIndex { $0.workload == report.workload && $0.figure == figure.name }
            if index == nil {
                rows.append(
                    Row(
                        workload: report.workload,
                        figure: figure.name,
                        unit: figure.unit,
                        lessIsBetter: figure.lessIsBetter
                    )
                )
            }
            rows[index ?? rows.count - 1].values[report.service, default: []].append(figure.value)
        }
        faults += report.faults.map { "\(report.service), \(report.workload): \($0)" }
    }
}
