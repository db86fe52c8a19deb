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
            return .reply(.verbatim(ServerInformation(context.server).text(sections)))
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
            return .reply(.map(chosen.map { ($0.name.lowercased(), CommandDocs.all[$0.name] ?? .null) }))
        default:
            throw Refusal(.error, "unknown subcommand '\(subcommand.prefix(32))'. Try COMMAND DOCS.")
        }
    }
}
