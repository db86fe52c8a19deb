internal import Model
internal import Wire

/// `CLIENT`: what Redis's clients and their people ask about connections.
enum ClientCommand {
    private static let deadlineRange = 1...60_000

    static let spec = CommandSpec(
        "CLIENT",
        arity: -2,
        .connection,
        "subcommand [argument ...]",
        "SETNAME, GETNAME, ID, INFO, SETINFO and DEADLINE, of this connection; LIST and KILL, of all",
        plan: plan
    )

    static func name(_ arguments: inout Arguments) throws(Refusal) -> String {
        let name = try arguments.next()
        guard name.allSatisfy({ (33...126).contains($0) }), name.count <= 256 else {
            throw Refusal(.error, "Client names cannot contain spaces, newlines or special characters.")
        }
        return String(decoding: name, as: UTF8.self)
    }

    @Sendable
    private static func plan(_ arguments: inout Arguments, _ context: CommandContext) throws(Refusal) -> Plan {
        let subcommand = String(decoding: try arguments.next(), as: UTF8.self).uppercased()
        let plan: Plan
        switch subcommand {
        case "ID": plan = .session { .integer(Int64($0.id)) }
        case "GETNAME": plan = .session { $0.name.isEmpty ? .null : .bulk($0.name) }
        case "INFO":
            plan = .clients {
                ClientFilter(ids: [$0.id])
            } answer: {
                .list($0)
            }
        case "LIST": plan = try list(&arguments)
        case "KILL": plan = try kill(&arguments)
        case "SETNAME":
            let name = try name(&arguments)
            plan = .session { session in
                session.name = name
                return .simple("OK")
            }
        case "SETINFO": plan = try setInformation(&arguments)
        case "DEADLINE":
            let milliseconds = try arguments.integer("deadline", in: deadlineRange)
            plan = .session { session in
                session.deadlineMilliseconds = Int64(milliseconds)
                return .simple("OK")
            }
        default:
            throw Refusal(
                .error,
                "unknown subcommand '\(subcommand.prefix(32))'. Try CLIENT ID, INFO, LIST, KILL, SETNAME or DEADLINE."
            )
        }
        guard arguments.remaining == 0 else {
            throw Refusal(.error, "wrong number of arguments for 'client|\(subcommand.lowercased())' command")
        }
        return plan
    }

    private static func setInformation(_ arguments: inout Arguments) throws(Refusal) -> Plan {
        let attribute = String(decoding: try arguments.next(), as: UTF8.self).uppercased()
        let value = try name(&arguments)
        guard ["LIB-NAME", "LIB-VER"].contains(attribute) else {
            throw Refusal(.error, "Unrecognized option '\(attribute.prefix(32))'")
        }
        return .session { session in
            if attribute == "LIB-NAME" { session.libraryName = value } else { session.libraryVersion = value }
            return .simple("OK")
        }
    }

    /// `LIST [TYPE normal] [ID id ...]`.
    private static func list(_ arguments: inout Arguments) throws(Refusal) -> Plan {
        var filter = ClientFilter()
        while arguments.remaining > 0 {
            switch String(decoding: try arguments.next(), as: UTF8.self).uppercased() {
            case "TYPE": try readType(&arguments, into: &filter)
            case "ID":
                var ids: Set<UInt64> = []
                repeat {
                    ids.insert(UInt64(try arguments.integer("client-id", in: 1...Int.max)))
                } while arguments.remaining > 0
                filter.ids = ids
            default: throw Arguments.syntaxError
            }
        }
        let found = filter
        return .clients { _ in
            found
        } answer: {
            .list($0)
        }
    }

    /// All clients are normal: of the other types that Redis has there are none here.
    private static func readType(_ arguments: inout Arguments, into filter: inout ClientFilter) throws(Refusal) {
        let type = String(decoding: try arguments.next(), as: UTF8.self)
        switch type.uppercased() {
        case "NORMAL": break
        case "MASTER", "REPLICA", "SLAVE", "PUBSUB": filter.matchesNobody = true
        default: throw Refusal(.error, "Unknown client type '\(type.prefix(32))'")
        }
    }

    /// `KILL addr:port`, or `KILL` with filters: `ID`, `ADDR`, `LADDR`, `TYPE`, `USER`, `SKIPME`, `MAXAGE`.
    private static func kill(_ arguments: inout Arguments) throws(Refusal) -> Plan {
        guard arguments.remaining > 1 else {
            let address = try arguments.text("address")
            return .clients { _ in
                ClientFilter(address: address)
            } answer: {
                .kill($0, answersCount: false)
            }
        }
        var filter = ClientFilter()
        var skipsItself = true
        try arguments.options { option, arguments throws(Refusal) in
            switch option {
            case "ID": filter.ids = [UInt64(try arguments.integer("client-id", in: 1...Int.max))]
            case "ADDR": filter.address = try arguments.text("address")
            case "LADDR": filter.localAddress = try arguments.text("address")
            case "USER": filter.user = try arguments.text("user")
            case "TYPE": try readType(&arguments, into: &filter)
            case "MAXAGE": filter.leastAgeSeconds = try arguments.integer("maxage", in: 1...Int.max)
            case "SKIPME":
                switch String(decoding: try arguments.next(), as: UTF8.self).uppercased() {
                case "YES": skipsItself = true
                case "NO": skipsItself = false
                default: throw Arguments.syntaxError
                }
            default: return false
            }
            return true
        }
        let (found, skips) = (filter, skipsItself)
        return .clients { session in
            var filter = found
            if skips { filter.skipped = session.id }
            return filter
        } answer: {
            .kill($0, answersCount: true)
        }
    }
}
