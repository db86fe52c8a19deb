internal import ClusterLinks
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Placement
internal import Wire

/// Runs plans: finds the nodes, asks them, tries again with a newer map while the deadline allows. Confined to its
/// event loop.
final class PlanRunner {
    typealias Reply = (RESPValue) -> Void

    /// Before asking again after a node has said that it does not serve a partition, or cannot be reached.
    private static let retryPause = TimeAmount.milliseconds(20)
    /// How many commands of one user may wait for a turn: as many as one connection sends by default.
    private static let mostWaitingOfUser = 1_024

    private let eventLoop: any EventLoop
    private let links: NodeLinks
    private let coordinator: CoordinatorClient
    private let limit: Int
    private let admission: Admission
    let turns: Turns
    private var order = RetryOrder<() -> Void>()
    private var requests: [UInt64: ReadRequest] = [:]
    private var lastRequest: UInt64 = 0
    /// Counts commands, so that members take turns.
    private var turn = 0

    /// - Parameters:
    ///   - limit: commands under way at one time.
    ///   - userLimit: commands of one user that are under way whatever others do.
    ///   - target: how long commands may take on average before some are refused.
    init(
        eventLoop: any EventLoop,
        links: NodeLinks,
        coordinator: CoordinatorClient,
        limit: Int,
        userLimit: Int,
        target: TimeAmount
    ) {
        self.eventLoop = eventLoop
        self.links = links
        self.coordinator = coordinator
        self.limit = limit
        turns = Turns(
            eventLoop: eventLoop,
            limit: limit,
            free: userLimit,
            mostWaiting: min(PlanRunner.mostWaitingOfUser, limit / 4)
        )
        admission = Admission(eventLoop: eventLoop, largest: limit, target: target)
    }

    /// How many commands may be under way to each node at the moment.
    var limits: [NodeID: Int] { admission.current }

    var map: PartitionMap { links.map }

    /// Follows a newer map. What waits for a primary that is none any more is asked of the next one: whoever is dead, hangs or is
    /// cut off may never answer.
    func follow(_ newer: PartitionMap) {
        let deposed = map.deposed(by: newer)
        links.follow(newer)
        for node in deposed {
            links.giveUpUnsent(to: node)
        }
        for (number, request) in requests where deposed.contains(request.node) {
            let moved = request.parts.filter { request.isWaiting(for: $0) && mayMove($0, of: request) }
            guard !moved.isEmpty else { continue }
            request.waiting.subtract(moved)
            if request.waiting.isEmpty { requests[number] = nil }
            ask(moved, request.reading)
        }
    }

    /// A read that may be behind a write of its user stays behind it.
    private func mayMove(_ part: Int, of request: ReadRequest) -> Bool {
        if let place = request.reading.place, order.isBehindWrite(place.number, for: place.actor) { return false }
        return request.reading.parts[part].hasMoved(from: request.node, in: map)
    }

    /// Runs a plan. One of the two is called, once, on the loop. Plans about the connection are not for the runner.
    ///
    /// - Parameters:
    ///   - client: whose commands about one user take effect in their order.
    ///   - refuse: where too much is under way: nothing has been done.
    func run(
        _ plan: Plan,
        from client: UInt64,
        deadline: NIODeadline,
        reads: ReadPreference,
        refuse: @escaping (Refusal) -> Void,
        reply: @escaping Reply
    ) {
        turn &+= 1
        let terms = CommandTerms(deadline: deadline, reads: reads, turn: turn & Int.max)
        switch plan {
        case .reply(let value): reply(value)
        case .session, .clients: reply(Replies.error(Refusal(.error, "not a command of the cluster")))
        case .write, .read, .gather, .cluster:
            let task = Turns.Task(
                asker: plan.asker,
                users: plan.users,
                client: client,
                deadline: deadline,
                begin: { self.begin(plan, terms, refuse: refuse, reply: reply) },
                refuse: refuse
            )
            turns.take(task)
        }
    }

    /// - Returns: false where it is refused.
    private func begin(
        _ plan: Plan,
        _ terms: CommandTerms,
        refuse: (Refusal) -> Void,
        reply: @escaping Reply
    ) -> Bool {
        guard turns.underWay < limit else {
            refuse(.busy("the router has \(turns.underWay) commands under way"))
            return false
        }
        let node = destination(of: plan, terms)
        if let node, let refusal = admission.begin(node) {
            refuse(refusal)
            return false
        }
        let asker = plan.asker
        turns.began(asker)
        let began = NIODeadline.now()
        let answered = { if let node { self.admission.end(node, began: began) } }
        let finish: Reply = { value in
            self.turns.ended(asker)
            reply(value)
        }
        // What a page needs of other nodes afterwards says nothing about the one that it began with.
        if case .read(let query, let then) = plan {
            read(query, then, terms, answered: answered, reply: finish)
        } else {
            start(plan, terms) { value in
                answered()
                finish(value)
            }
        }
        return true
    }

    /// The node that a plan begins with; nil where there are several, or none is known.
    private func destination(of plan: Plan, _ terms: CommandTerms) -> NodeID? {
        switch plan {
        case .write(let command, _):
            guard let layout = map.layout, let actor = command.actor else { return nil }
            return map.primary(of: actor.partition(in: layout))
        case .read(let query, _): return QueryPart(query, isOfPage: false, terms).node(in: map)
        case .gather(let queries, let isOfPage, _):
            let nodes = Set(queries.map { QueryPart($0, isOfPage: isOfPage, terms).node(in: map) })
            return nodes.count == 1 ? nodes.first ?? nil : nil
        case .reply, .session, .clients, .cluster: return nil
        }
    }

    private func start(_ plan: Plan, _ terms: CommandTerms, reply: @escaping Reply) {
        switch plan {
        case .reply(let value): reply(value)
        case .session, .clients: reply(Replies.error(Refusal(.error, "not a command of the cluster")))
        case .write(let command, let render):
            write(command, deadline: terms.deadline) { result in
                reply(PlanRunner.value(of: result, render))
            }
        case .read(let query, let then): read(query, then, terms, answered: {}, reply: reply)
        case .gather(let queries, let isOfPage, let then):
            ask(queries, terms, isOfPage: isOfPage) { results in
                self.start(then(results), terms, reply: reply)
            }
        case .cluster(let render):
            coordinator.ask(.health, within: .milliseconds(500)) { result in
                var nodes: [NodeStatus]?
                if case .success(.health(let statuses)) = result { nodes = statuses }
                reply(render(ClusterView(map: self.map, nodes: nodes)))
            }
        }
    }

    /// - Parameter answered: called when the query's own node has answered, before what follows from that.
    private func read(
        _ query: PartitionQuery,
        _ then: @escaping (Answer) throws(Refusal) -> Plan,
        _ terms: CommandTerms,
        answered: @escaping () -> Void,
        reply: @escaping Reply
    ) {
        ask([query], terms) { results in
            answered()
            let result = results.first?.result ?? .failure(Plan.strangeAnswer)
            self.start(PlanRunner.plan(from: result, then), terms, reply: reply)
        }
    }

    private static func value(
        of result: Result<Answer, Refusal>,
        _ render: (Answer) throws(Refusal) -> RESPValue
    ) -> RESPValue {
        do throws(Refusal) {
            return try render(try result.get())
        } catch {
            return Replies.error(error)
        }
    }

    private static func plan(
        from result: Result<Answer, Refusal>,
        _ then: (Answer) throws(Refusal) -> Plan
    ) -> Plan {
        do throws(Refusal) {
            return try then(try result.get())
        } catch {
            return .reply(Replies.error(error))
        }
    }

    // MARK: Writes

    /// A write on its way, with its place among its actor's commands.
    private struct Write {
        let command: Command
        let actor: Actor
        let number: UInt64
        let deadline: NIODeadline
        let completion: (Result<Answer, Refusal>) -> Void
    }

    private func write(
        _ command: Command,
        deadline: NIODeadline,
        completion: @escaping (Result<Answer, Refusal>) -> Void
    ) {
        guard let actor = command.actor else {
            return completion(.failure(Refusal(.error, "not a command of front ends")))
        }
        let number = order.number()
        order.begin(write: number, for: actor)
        send(Write(command: command, actor: actor, number: number, deadline: deadline, completion: completion))
    }

    private func send(_ write: Write) {
        guard let layout = map.layout else {
            return finish(write, .failure(.unavailable("the cluster is not initialized")))
        }
        guard !order.mustWait(write.number, for: write.actor, { self.send(write) }) else { return }
        let partition = write.actor.partition(in: layout)
        guard let node = map.primary(of: partition) else { return retry(write, partition) }
        links.ask(node, .execute(partition, write.command), deadline: write.deadline) { result in
            switch result {
            case .success(.executed(let result)): self.finish(write, result)
            case .success(.notPrimary), .failure(.nothingDone): self.retry(write, partition)
            case .success, .failure(.outcomeUnknown):
                let reason = "outcome unknown: partition \(partition) did not answer; retry with its KEY"
                self.finish(write, .failure(.timeout(reason)))
            case .failure(.busy):
                self.finish(write, .failure(.busy("too much is waiting for partition \(partition)")))
            }
        }
    }

    private func retry(_ write: Write, _ partition: PartitionID) {
        guard !order.mustWait(write.number, for: write.actor, { self.send(write) }) else { return }
        guard .now() + PlanRunner.retryPause < write.deadline else {
            return finish(write, .failure(unavailable(partition)))
        }
        order.willRetry(write.number, for: write.actor)
        eventLoop.assumeIsolated().scheduleTask(in: PlanRunner.retryPause) { self.send(write) }
    }

    private func finish(_ write: Write, _ result: Result<Answer, Refusal>) {
        let next = order.answered(write.number, for: write.actor)
        write.completion(result)
        for resume in next {
            resume()
        }
    }

    private func unavailable(_ partition: PartitionID) -> Refusal {
        .unavailable("partition \(partition) does not answer")
    }

    // MARK: Queries

    /// Asks for all parts, one request a node; parts that a node does not serve are asked again while time allows.
    private func ask(
        _ queries: [PartitionQuery],
        _ terms: CommandTerms,
        isOfPage: Bool = false,
        completion: @escaping ([PartResult]) -> Void
    ) {
        guard !queries.isEmpty else { return completion([]) }
        let user = queries.count == 1 ? queries.first?.query.actors.first : nil
        let reading = Reading(
            parts: queries.map { QueryPart($0, isOfPage: isOfPage, terms) },
            deadline: terms.deadline,
            place: user.map { (.user($0), order.number()) },
            results: Gathering(count: queries.count, completion: completion)
        )
        ask(Array(queries.indices), reading)
    }

    private func ask(_ indexes: [Int], _ reading: Reading) {
        // A read sees its user's earlier writes, those that are tried again too.
        if let place = reading.place, order.mustWait(place.number, for: place.actor, { self.ask(indexes, reading) }) {
            return
        }
        var byNode: [NodeID: [Int]] = [:]
        var homeless: [Int] = []
        for index in indexes {
            if let node = reading.parts[index].node(in: map) {
                byNode[node, default: []].append(index)
            } else {
                homeless.append(index)
            }
        }
        askAgain(homeless, reading)
        let now = NIODeadline.now()
        for (node, indexes) in byNode {
            let question = NodeRequest.query(indexes.map { reading.parts[$0].question })
            let deadlines = indexes.map { reading.parts[$0].deadline(now: now, end: reading.deadline) }
            lastRequest += 1
            let number = lastRequest
            requests[number] = ReadRequest(node: node, reading: reading, parts: indexes)
            links.ask(node, question, deadline: deadlines.min() ?? reading.deadline) { result in
                guard let request = self.requests.removeValue(forKey: number) else { return }
                self.take(result, for: request)
            }
        }
    }

    private func take(_ result: Result<NodeReply, NodeFailure>, for request: ReadRequest) {
        let reading = request.reading
        let indexes = request.parts.filter(request.isWaiting)
        switch result {
        case .success(.queried(let results)) where results.count == request.parts.count:
            for (index, result) in zip(request.parts, results) where request.isWaiting(for: index) {
                switch result {
                case .failure(let refusal) where refusal.code == .unavailable:
                    askAgain([index], reading, otherwise: result)
                case .success(let answer) where reading.parts[index].isInDoubt(answer):
                    reading.parts[index].keep(answer)
                    askAgain([index], reading, toPrimary: true)
                case .success, .failure: reading.end(index, result)
                }
            }
        case .failure(.busy):
            for index in indexes {
                let partition = reading.parts[index].partition
                reading.end(index, .failure(.busy("too much is waiting for partition \(partition)")))
            }
        case .success, .failure: askAgain(indexes, reading)
        }
    }

    /// - Parameter result: where there is no time left.
    private func askAgain(
        _ indexes: [Int],
        _ reading: Reading,
        toPrimary: Bool = false,
        otherwise result: Result<Answer, Refusal>? = nil
    ) {
        guard !indexes.isEmpty else { return }
        if .now() + PlanRunner.retryPause < reading.deadline {
            for index in indexes {
                reading.parts[index].goOn(toPrimary: toPrimary)
            }
            eventLoop.assumeIsolated().scheduleTask(in: PlanRunner.retryPause) { self.ask(indexes, reading) }
            return
        }
        for index in indexes {
            reading.end(index, result ?? .failure(unavailable(reading.parts[index].partition)))
        }
    }
}
