internal import Messages
package import Model
package import NIOCore
internal import Placement
internal import Wire

/// Makes of a command's words what the router would do, without a connection, a cluster or anything done: for tests of what
/// front ends may send, and nodes may answer.
package struct CommandParsing {
    /// What words come to.
    package enum Outcome: Equatable {
        case unknown
        case refused(String)
        case write(Command)
        case read([Query])
        /// Something about the connection or the cluster.
        case own
    }

    /// Queries, what follows from their answers, and what follows from that.
    private static let mostSteps = 3

    /// All commands' names.
    package static let names = CommandTable.shared.specs.map { Array($0.name.utf8) }

    private let context: CommandContext
    private let answers: [Answer]

    /// - Parameters:
    ///   - layout: of the cluster that there seems to be.
    ///   - answers: replies are made of each of them, for every command.
    package init(layout: PartitionLayout, answers: [Answer]) {
        context = CommandContext(layout: layout, totals: RouterTotals(limit: 1))
        self.answers = answers
    }

    /// - Parameter reply: is given what is refused or answered, as both versions of the protocol have it.
    package func outcome(of words: [[UInt8]], reply: (ByteBuffer) -> Void) -> Outcome {
        guard let name = words.first, let spec = CommandTable.shared[name] else { return .unknown }
        do throws(Refusal) {
            let plan = try spec.plan(for: words, in: context)
            follow(plan, steps: CommandParsing.mostSteps, reply)
            return CommandParsing.outcome(of: plan)
        } catch {
            encode(Replies.error(error), reply)
            return .refused("\(error)")
        }
    }

    private static func outcome(of plan: Plan) -> Outcome {
        switch plan {
        case .write(let command, _): .write(command)
        case .read(let query, _): .read([query.query])
        case .gather(let queries, _, _): .read(queries.map(\.query))
        case .reply, .cluster, .session, .clients: .own
        }
    }

    private func follow(_ plan: Plan, steps: Int, _ reply: (ByteBuffer) -> Void) {
        guard steps > 0 else { return }
        switch plan {
        case .write(_, let render):
            for answer in answers {
                encode((try? render(answer)) ?? Replies.error(Plan.strangeAnswer), reply)
            }
        case .read(_, let then):
            for answer in answers {
                if let next = try? then(answer) { follow(next, steps: steps - 1, reply) }
            }
        case .gather(let queries, _, let then):
            follow(then(queries.map { _ in PartResult(.failure(.unavailable(""))) }), steps: steps - 1, reply)
            for answer in answers {
                follow(
                    then(queries.map { _ in PartResult(.success(answer), doubt: .unavailable("")) }),
                    steps: steps - 1,
                    reply
                )
            }
        case .reply(let value): encode(value, reply)
        case .cluster(let render): encode(render(ClusterView(map: PartitionMap(), nodes: nil)), reply)
        case .session(let body):
            var session = CommandParsing.session
            encode(body(&session), reply)
        case .clients(let filter, _): _ = filter(CommandParsing.session)
        }
    }

    private static let session = ClientSession(
        id: 1,
        address: "",
        isAuthenticated: false,
        deadlineMilliseconds: 1_000,
        reads: .primary,
        password: "pw",
        defaultDeadlineMilliseconds: 1_000,
        defaultReads: .primary
    )

    private func encode(_ value: RESPValue, _ reply: (ByteBuffer) -> Void) {
        for version in [RESPVersion.two, .three] {
            var buffer = ByteBuffer()
            buffer.write(value, as: version)
            reply(buffer)
        }
    }
}
