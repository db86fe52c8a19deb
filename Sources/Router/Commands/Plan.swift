internal import Messages
internal import Model
internal import Placement
internal import Wire

/// What a command needs done, and what its reply is made of: commands are parsed into plans, and plans are run by the
/// router.
enum Plan {
    case reply(RESPValue)
    /// A command to the partition of its actor.
    case write(Command, (Answer) throws(Refusal) -> RESPValue)
    /// A query of one partition; its refusal is the reply.
    case read(PartitionQuery, (Answer) throws(Refusal) -> Plan)
    /// Queries of several partitions, one request a node; each has a result of its own.
    ///
    /// Texts of a page that is made already may come from any member where a primary does not answer.
    case gather([PartitionQuery], isOfPage: Bool = false, ([PartResult]) -> Plan)
    /// What the coordinator knows.
    case cluster((ClusterView) -> RESPValue)
    /// Something about the connection itself.
    case session((inout ClientSession) -> RESPValue)
    /// Something about connections, of all loops: which, and what is to be done with them.
    case clients((ClientSession) -> ClientFilter, answer: (ClientFilter) -> ClientAction)

    /// An answer of another kind than the command expects.
    static let strangeAnswer = Refusal.unavailable("a partition's answer cannot be understood")

    /// Whose earlier commands this one follows.
    var users: [UserID] {
        switch self {
        case .write(let command, _):
            if case .user(let user)? = command.actor { [user] } else { [] }
        case .read(let query, _): query.query.actors
        case .gather(let queries, _, _): queries.flatMap(\.query.actors)
        case .reply, .cluster, .session, .clients: []
        }
    }

    /// Who asks, where the command says so: profiles and the tweets of one author are read by everybody.
    var asker: UserID? {
        switch self {
        case .write: users.first
        case .read(let query, _):
            if case .home(let home) = query.query { home.reader } else { nil }
        case .reply, .gather, .cluster, .session, .clients: nil
        }
    }
}

/// The cluster as people and tools see it.
struct ClusterView: Sendable {
    let map: PartitionMap
    /// Nil where the coordinator does not answer.
    let nodes: [NodeStatus]?
}

/// What is done with the clients that a filter names.
enum ClientAction: Sendable {
    case list(ClientFilter)
    /// - Parameter answersCount: with how many there were; else with OK, or an error where there were none.
    case kill(ClientFilter, answersCount: Bool)
}

/// The state of one client's connection.
struct ClientSession: Sendable {
    let id: UInt64
    let address: String
    var name = ""
    var version = RESPVersion.two
    var isAuthenticated: Bool
    /// From the dispatch of each command.
    var deadlineMilliseconds: Int64
    /// Who may answer timeline reads.
    var reads: ReadPreference
    var libraryName = ""
    var libraryVersion = ""
    var isClosing = false
    /// What `RESET` and `AUTH` go back to and compare with.
    let password: String
    let defaultDeadlineMilliseconds: Int64
    let defaultReads: ReadPreference
}
