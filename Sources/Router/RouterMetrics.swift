internal import Metrics

/// What a router counts and times, by command.
struct RouterMetrics: Sendable {
    private let commands: [String: (count: Counter, refused: Counter, time: Timer)]

    init() {
        commands = Dictionary(
            uniqueKeysWithValues: CommandTable.shared.specs.map { spec in
                let label = [("command", spec.name)]
                return (
                    spec.name,
                    (
                        Counter(label: "router.commands.total", dimensions: label),
                        Counter(label: "router.commands.refused.total", dimensions: label),
                        Timer(label: "router.command.seconds", dimensions: label)
                    )
                )
            }
        )
    }

    func note(_ name: String, nanoseconds: Int64, isRefused: Bool) {
        guard let command = commands[name] else { return }
        command.count.increment()
        command.time.recordNanoseconds(nanoseconds)
        if isRefused { command.refused.increment() }
    }
}
