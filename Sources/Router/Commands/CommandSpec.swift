internal import Model
internal import Observability
internal import Wire

/// One row of the command table: everything that the router knows of a command.
struct CommandSpec: Sendable {
    enum Group: String, Sendable {
        case users = "rookery-users"
        case follows = "rookery-follows"
        case tweets = "rookery-tweets"
        case timelines = "rookery-timelines"
        case copies = "rookery-copies"
        case cluster
        case connection
        case server
    }

    let name: String
    /// As Redis counts: with the command's own name, negative where it is the least.
    let arity: Int
    let group: Group
    let isWrite: Bool
    /// The arguments as people write them: `user [COUNT n]`.
    let syntax: String
    let summary: String
    /// Whether it works before `AUTH`.
    let needsNoAuthentication: Bool
    let plan: @Sendable (inout Arguments, CommandContext) throws(Refusal) -> Plan

    init(
        _ name: String,
        arity: Int,
        _ group: Group,
        isWrite: Bool = false,
        needsNoAuthentication: Bool = false,
        _ syntax: String,
        _ summary: String,
        plan: @escaping @Sendable (inout Arguments, CommandContext) throws(Refusal) -> Plan
    ) {
        self.name = name
        self.arity = arity
        self.group = group
        self.isWrite = isWrite
        self.needsNoAuthentication = needsNoAuthentication
        self.syntax = syntax
        self.summary = summary
        self.plan = plan
    }

    /// What is to be done for words that begin with this command's name.
    func plan(for words: [[UInt8]], in context: CommandContext) throws(Refusal) -> Plan {
        guard arity >= 0 ? words.count == arity : words.count >= -arity else {
            throw Refusal(.error, "wrong number of arguments for '\(name.lowercased())' command")
        }
        var arguments = Arguments(words)
        return try plan(&arguments, context)
    }
}

/// What parsing a command may look at.
struct CommandContext {
    /// Nil while the cluster is not initialized.
    let layout: PartitionLayout?
    private let totals: RouterTotals

    init(layout: PartitionLayout?, totals: RouterTotals) {
        self.layout = layout
        self.totals = totals
    }

    /// Gathered only for the commands that tell it.
    var server: ServerFacts { totals.facts }

    func requireLayout() throws(Refusal) -> PartitionLayout {
        guard let layout else { throw .unavailable("the cluster is not initialized") }
        return layout
    }
}

/// What `INFO` and `HELLO` say of the router.
struct ServerFacts: Sendable {
    let version: String
    let port: Int
    let processID: Int
    let uptimeSeconds: Int
    let connections: Int
    let connectionsReceived: UInt64
    let connectionsRefused: UInt64
    let clientsEvicted: UInt64
    let largestConnections: Int
    let commandsProcessed: UInt64
    let commandsPerSecond: Int
    let operatingSystem: String
    let memory: ProcessUsage.Memory
    let processorSeconds: (user: Double, system: Double)
    let statistics: CommandStatistics
}
