internal import Launch
internal import Model
internal import Wire

/// The commands of Redis about the connection, enough for every common client to connect.
enum ConnectionCommands {
    static let all: [CommandSpec] = [
        CommandSpec("PING", arity: -1, .connection, "[message]", "Answers PONG or the message") {
            arguments,
            _ throws(Refusal) in
            guard arguments.remaining <= 1 else {
                throw Refusal(.error, "wrong number of arguments for 'ping' command")
            }
            return .reply(arguments.remaining == 0 ? .simple("PONG") : .bytes(try arguments.next()))
        },
        CommandSpec("ECHO", arity: 2, .connection, "message", "Answers the message") { arguments, _ throws(Refusal) in
            .reply(.bytes(try arguments.next()))
        },
        CommandSpec(
            "HELLO",
            arity: -1,
            .connection,
            needsNoAuthentication: true,
            "[protover [AUTH username password] [SETNAME clientname]]",
            "Chooses the protocol version",
            plan: hello
        ),
        CommandSpec(
            "AUTH",
            arity: -2,
            .connection,
            needsNoAuthentication: true,
            "[username] password",
            "Authenticates the connection"
        ) { arguments, _ throws(Refusal) in
            let user = arguments.remaining == 2 ? try arguments.text("username") : "default"
            let password = try arguments.next()
            guard arguments.remaining == 0 else { throw Arguments.syntaxError }
            return .session { session in authenticate(user, password, &session) ?? .simple("OK") }
        },
        CommandSpec("SELECT", arity: 2, .connection, "index", "Accepts database 0, the only one") {
            arguments,
            _ throws(Refusal) in
            guard try arguments.next() == [UInt8(ascii: "0")] else {
                throw Refusal(.error, "DB index is out of range")
            }
            return .reply(.simple("OK"))
        },
        CommandSpec(
            "QUIT",
            arity: -1,
            .connection,
            needsNoAuthentication: true,
            "",
            "Closes the connection"
        ) { _, _ in
            .session { session in
                session.isClosing = true
                return .simple("OK")
            }
        },
        CommandSpec(
            "RESET",
            arity: 1,
            .connection,
            needsNoAuthentication: true,
            "",
            "Puts the connection back as it began"
        ) { _, _ in
            .session { session in
                session.version = .two
                session.name = ""
                session.isAuthenticated = session.password.isEmpty
                session.deadlineMilliseconds = session.defaultDeadlineMilliseconds
                session.reads = session.defaultReads
                return .simple("RESET")
            }
        },
        CommandSpec(
            "READ",
            arity: 2,
            .connection,
            "PRIMARY|ANY",
            "Chooses whether timelines may come from any member of a partition, up to a second behind"
        ) { arguments, _ throws(Refusal) in
            let word = try arguments.text("preference")
            guard let reads = ReadPreference(rawValue: word.lowercased()) else { throw Arguments.syntaxError }
            return .session { session in
                session.reads = reads
                return .simple("OK")
            }
        },
        ClientCommand.spec,
    ]

    /// - Returns: an error reply, or nil where the password is right.
    private static func authenticate(
        _ user: String,
        _ password: [UInt8],
        _ session: inout ClientSession
    ) -> RESPValue? {
        guard !session.password.isEmpty else {
            return .error(
                "ERR AUTH <password> called without any password configured for the default user. "
                    + "Are you sure your configuration is correct?"
            )
        }
        guard user == "default", isEqual(password, Array(session.password.utf8)) else {
            return .error("WRONGPASS invalid username-password pair or user is disabled.")
        }
        session.isAuthenticated = true
        return nil
    }

    /// In time that does not depend on where the two differ.
    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    @Sendable
    private static func hello(_ arguments: inout Arguments, _ context: CommandContext) throws(Refusal) -> Plan {
        var version: RESPVersion?
        if arguments.remaining > 0 {
            switch String(decoding: try arguments.next(), as: UTF8.self) {
            case "2": version = .two
            case "3": version = .three
            default: return .reply(.error("NOPROTO unsupported protocol version"))
            }
        }
        var credentials: (user: String, password: [UInt8])?
        var name: String?
        try arguments.options { option, arguments throws(Refusal) in
            switch option {
            case "AUTH": credentials = (try arguments.text("username"), try arguments.next())
            case "SETNAME": name = try ClientCommand.name(&arguments)
            default: return false
            }
            return true
        }
        return .session { session in
            if let (user, password) = credentials, let error = authenticate(user, password, &session) { return error }
            guard session.isAuthenticated else {
                return .error(
                    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> "
                        + "AUTH <user> <pass> option can be used to authenticate the client and select the RESP "
                        + "protocol version at the same time"
                )
            }
            session.version = version ?? session.version
            session.name = name ?? session.name
            return .map([
                ("server", .bulk("rookery")), ("version", .bulk(rookeryVersion)),
                ("proto", .integer(Int64(session.version.rawValue))), ("id", .integer(Int64(session.id))),
                ("mode", .bulk("standalone")), ("role", .bulk("master")), ("modules", .array([])),
            ])
        }
    }
}
