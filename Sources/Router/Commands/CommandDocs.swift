internal import Wire

/// The command table as `COMMAND INFO` and `COMMAND DOCS` tell it, so that redis-cli completes and shows hints.
enum CommandDocs {
    /// Of all commands, described once: clients ask for this whenever they connect.
    static let all: [String: RESPValue] = Dictionary(
        uniqueKeysWithValues: CommandTable.shared.specs.map { ($0.name, docs($0)) }
    )

    static func info(_ spec: CommandSpec) -> RESPValue {
        .array([
            .bulk(spec.name.lowercased()), .integer(Int64(spec.arity)),
            .array([.simple(spec.isWrite ? "write" : "readonly")]), .integer(0), .integer(0), .integer(0), .array([]),
            .array([]), .array([]), .array([]),
        ])
    }

    private static func docs(_ spec: CommandSpec) -> RESPValue {
        .map([
            ("summary", .bulk(spec.summary)), ("since", .bulk("0.1.0")), ("group", .bulk(spec.group.rawValue)),
            ("arguments", .array(arguments(spec.syntax))),
        ])
    }

    /// Turns `user [COUNT n] [IDS]` into Redis's description of arguments.
    static func arguments(_ syntax: String) -> [RESPValue] {
        var described: [RESPValue] = []
        for part in parts(of: syntax) {
            let words = part.text.split(separator: " ").map(String.init)
            guard let first = words.first else { continue }
            let isToken = first == first.uppercased() && first.contains(where: \.isLetter)
            if part.isOptional, words.last == "..." {
                described.append(argument(first, flags: ["optional", "multiple"]))
            } else if isToken, words.count == 2 {
                described.append(argument(words[1], token: first, flags: ["optional"]))
            } else if isToken {
                described.append(argument(first.lowercased(), type: "pure-token", token: first, flags: ["optional"]))
            } else {
                described.append(argument(part.text, flags: part.isOptional ? ["optional"] : []))
            }
        }
        return described
    }

    private static func argument(
        _ name: String,
        type: String = "string",
        token: String? = nil,
        flags: [String]
    ) -> RESPValue {
        var fields: [(field: String, value: RESPValue)] = [("name", .bulk(name)), ("type", .bulk(type))]
        if let token { fields.append(("token", .bulk(token))) }
        if !flags.isEmpty { fields.append(("flags", .array(flags.map { .simple($0) }))) }
        return .map(fields)
    }

    /// The words outside brackets, and the outermost brackets whole.
    private static func parts(of syntax: String) -> [(text: String, isOptional: Bool)] {
        var parts: [(text: String, isOptional: Bool)] = []
        var text = ""
        var depth = 0
        func end(_ isOptional: Bool) {
            if !text.isEmpty { parts.append((text, isOptional)) }
            text = ""
        }
        for character in syntax {
            switch character {
            case "[":
                if depth == 0 { end(false) } else { text.append(character) }
                depth += 1
            case "]":
                depth -= 1
                if depth == 0 { end(true) } else { text.append(character) }
            case " " where depth == 0: end(false)
            default: text.append(character)
            }
        }
        end(false)
        return parts
    }
}
