internal import Foundation
internal import Observability

/// The text of `INFO`: sections of `field:value` lines, with the names that tools of Redis look for.
struct ServerInformation {
    private let facts: ServerFacts

    /// What `INFO` without a section leaves out, as Redis does.
    private static let detailed: Set<String> = ["commandstats"]

    init(_ facts: ServerFacts) {
        self.facts = facts
    }

    /// - Parameter chosen: names of sections in small letters; the default ones where there are none.
    func text(_ chosen: Set<String>) -> String {
        let isEverything = !chosen.isDisjoint(with: ["all", "everything"])
        let isDefault = chosen.isEmpty || chosen.contains("default")
        return sections.filter { section in
            let name = section.title.lowercased()
            return isEverything || chosen.contains(name)
                || (isDefault && !ServerInformation.detailed.contains(name))
        }
        .map { "# \($0.title)\r\n" + $0.fields.map { "\($0.0):\($0.1)\r\n" }.joined() }
        .joined(separator: "\r\n")
    }

    private typealias Fields = [(String, String)]

    private var sections: [(title: String, fields: Fields)] {
        [
            ("Server", server), ("Clients", clients), ("Memory", memory), ("Persistence", [("loading", "0")]),
            ("Stats", statistics), ("Replication", [("role", "master"), ("connected_slaves", "0")]), ("CPU", processor),
            ("Commandstats", commandStatistics), ("Errorstats", errorStatistics),
            ("Cluster", [("cluster_enabled", "0")]),
            ("Keyspace", []),
        ]
    }

    private var server: Fields {
        [
            ("rookery_version", facts.version), ("redis_version", "7.0.0"), ("redis_mode", "standalone"),
            ("os", facts.operatingSystem), ("arch_bits", "64"), ("process_id", "\(facts.processID)"),
            ("tcp_port", "\(facts.port)"), ("uptime_in_seconds", "\(facts.uptimeSeconds)"),
            ("uptime_in_days", "\(facts.uptimeSeconds / 86_400)"),
        ]
    }

    private var clients: Fields {
        // `redis-cli --stat` looks for clients that are blocked, as no command here does.
        [
            ("connected_clients", "\(facts.connections)"), ("maxclients", "\(facts.largestConnections)"),
            ("blocked_clients", "0"),
        ]
    }

    private var memory: Fields {
        [
            ("used_memory", "\(facts.memory.allocated)"),
            ("used_memory_human", ServerInformation.megabytes(facts.memory.allocated)),
            ("used_memory_rss", "\(facts.memory.resident)"), ("used_memory_peak", "\(facts.memory.peak)"),
            ("used_memory_peak_human", ServerInformation.megabytes(facts.memory.peak)), ("maxmemory", "0"),
            ("mem_allocator", "jemalloc"),
        ]
    }

    private var statistics: Fields {
        [
            ("total_connections_received", "\(facts.connectionsReceived)"),
            ("total_commands_processed", "\(facts.commandsProcessed)"),
            ("instantaneous_ops_per_sec", "\(facts.commandsPerSecond)"),
            ("rejected_connections", "\(facts.connectionsRefused)"),
            ("evicted_clients", "\(facts.clientsEvicted)"),
            ("total_error_replies", "\(facts.statistics.errors.reduce(0) { $0 + $1.count })"),
        ]
    }

    private var processor: Fields {
        [
            ("used_cpu_sys", ServerInformation.seconds(facts.processorSeconds.system)),
            ("used_cpu_user", ServerInformation.seconds(facts.processorSeconds.user)),
        ]
    }

    private var commandStatistics: Fields {
        facts.statistics.commands.map { name, command in
            let each = command.calls > 0 ? Double(command.microseconds) / Double(command.calls) : 0
            return (
                "cmdstat_\(name.lowercased())",
                "calls=\(command.calls),usec=\(command.microseconds),usec_per_call=\(String(format: "%.2f", each)),"
                    + "rejected_calls=\(command.rejected),failed_calls=\(command.failed)"
            )
        }
    }

    private var errorStatistics: Fields {
        facts.statistics.errors.map { ("errorstat_\($0.code)", "count=\($0.count)") }
    }

    private static func megabytes(_ bytes: UInt64) -> String { String(format: "%.2fM", Double(bytes) / 1_048_576) }
    private static func seconds(_ value: Double) -> String { String(format: "%.6f", value) }
}
