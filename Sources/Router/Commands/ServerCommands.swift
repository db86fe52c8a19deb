internal import Model
internal import Wire

/// The commands of Redis about the server: what it is and what it can do.
enum ServerCommands {
    static let all: [CommandSpec] = [
        CommandSpec("INFO", arity: -1, .server, "[section ...]", "Describes this router") { arguments, context in
            var sections: Set<String> = []
            while let word = try? arguments.next() {
                sections.insert(String(decoding: word, as: UTF8.self).lowercased())
            }
            return .reply(.verbatim(info(context.server, sections)))
        },
        CommandSpec(
            "COMMAND",
            arity: -1,
            .server,
            "[COUNT|DOCS|INFO|LIST] [name ...]",
            "Describes the commands",
            plan: command
        ),
    ]

    private static func info(_ facts: ServerFacts, _ sections: Set<String>) -> String {
        let all: [(String, [(String, String)])] = [
            (
                "Server",
                [
                    ("rookery_version", facts.version), ("redis_version", "7.0.0"), ("redis_mode", "standalone"),
                    ("process_id", "\(facts.processID)"), ("tcp_port", "\(facts.port)"),
                    ("uptime_in_seconds", "\(facts.uptimeSeconds)"),
                ]
            ),
            ("Clients", [("connected_clients", "\(facts.connections)")]),
            ("Memory", [("used_memory_rss", "\(facts.residentBytes)")]),
            (
                "Stats",
                [
                    ("total_connections_received", "\(facts.connectionsReceived)"),
                    ("total_commands_processed", "\(facts.commandsProcessed)"),
                ]
            ),
        ]
        let everything = sections.isEmpty || !sections.isDisjoint(with: ["all", "everything", "default"])
        return all.filter { everything || sections.contains($0.0.lowercased()) }
            .map { title, lines in "# \(title)\r\n" + lines.map { "\($0.0):\($0.1)\r\n" }.joined() }
            .joined(separator: "\r\n")
    }

    @Sendable
    private static func command(_ arguments: inout Arguments, _ context: CommandContext) throws(Refusal) -> Plan {
        guard arguments.remaining > 0 else { return .reply(.array(CommandTable.shared.specs.map(CommandDocs.info))) }
        let subcommand = String(decoding: try arguments.next(), as: UTF8.self).uppercased()
        var names: [[UInt8]] = []
        while arguments.remaining > 0 {
            names.append(try arguments.next())
        }
        let specs = CommandTable.shared.specs
        switch subcommand {
        case "COUNT": return .reply(.integer(Int64(specs.count)))
        case "LIST": return .reply(.array(specs.map { .bulk($0.name.lowercased()) }))
        case "INFO":
            guard !names.isEmpty else { return .reply(.array(specs.map(CommandDocs.info))) }
            return .reply(.array(names.map { CommandTable.shared[$0].map(CommandDocs.info) ?? .null }))
        case "DOCS":
            let chosen = names.isEmpty ? specs : names.compactMap { CommandTable.shared[$0] }
            return .reply(.map(chosen.map { ($0.name.lowercased(), CommandDocs.docs($0)) }))
        default:
            throw Refusal(.error, "unknown subcommand '\(subcommand.prefix(32))'. Try COMMAND DOCS.")
        }
    }
}
