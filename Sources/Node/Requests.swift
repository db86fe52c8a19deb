internal import EventLoops
internal import Logging
internal import Mail
internal import Model
internal import NIOCore
internal import Partitions
internal import Replication

/// What front ends have asked of a partition's primary and is not answered: keeps each actor's requests in their order, finds
/// out what commands must know, and answers when entries are applied.
///
/// Confined to its host's event loop.
final class Requests {
    private enum Work {
        case write(Write)
        case read(Read)
    }

    /// A follow is answered without the author's list after this long.
    private static let longestBackfill = TimeAmount.milliseconds(200)
    /// A creation or rename whose other partitions do not answer; the front end has long given up.
    private static let longestSettlement = TimeAmount.seconds(30)
    /// How often a creation looks whether another one of its name has been settled.
    private static let nameRetry = TimeAmount.milliseconds(5)
    /// Pieces of one actor's work that are begun at once.
    private static let mostAtOnce = 64
    static let unknownOutcome = Refusal.timeout("outcome unknown: retry with the same KEY")

    private unowned let replica: Replica
    private let host: PartitionHost
    private let limit: Int
    private var actors = ActorQueue<Work>()
    private var waiters = SettlementWaiters<Write>()
    /// Actors whose waiting work is being begun further up the stack, or in a later turn.
    private var draining: Set<Actor> = []
    /// Grows whenever everything that was under way is given up.
    private var term: UInt64 = 0

    init(replica: Replica, host: PartitionHost, limit: Int) {
        self.replica = replica
        self.host = host
        self.limit = limit
    }

    private var partition: Partition { replica.partition }
    private var underWayCount: Int { actors.waitingCount + replica.unappliedCount }
    var waitingCount: Int { actors.waitingCount }

    // MARK: Commands

    func submit(_ command: Command, completion: @escaping (RequestOutcome) -> Void) {
        guard let actor = command.actor else {
            return completion(.refused(Refusal(.error, "not a command of front ends")))
        }
        guard isOpen(completion) else { return }
        if let away = partition.outgoingMail.fullDestination(limit: host.outboxLimit) {
            return completion(
                .refused(.unavailable("partition \(partition.id): too much mail waits for partition \(away)"))
            )
        }
        let write = Write(command: command, actor: actor, began: .now(), term: term, completion: completion)
        var kind = ActorQueue<Work>.Kind.write
        // A rename takes effect as a whole, later than it entered the log: no other update comes in between.
        switch command {
        case .createUser, .updateUser: kind = .exclusiveWrite
        default: break
        }
        if actors.arrive(kind, for: actor, .write(write)) { begin(write) }
    }

    private func isOpen(_ completion: (RequestOutcome) -> Void) -> Bool {
        if let refusal = replica.unavailability {
            completion(.refused(refusal))
            return false
        }
        guard replica.mayRead else {
            completion(.notServed)
            return false
        }
        guard underWayCount < limit else {
            completion(.refused(.busy("partition \(partition.id) has \(underWayCount) requests under way")))
            return false
        }
        return true
    }

    /// Finds out what the command needs to know of other partitions, then lets it enter the log.
    private func begin(_ write: Write) {
        // The outcome that a key remembers may not be in the store yet.
        if replica.applier.isStalled, let refusal = replica.writeRefusal { return giveUp(write, refusal) }
        if case .createUser(let command) = write.command, isNameBeingCreated(command) {
            guard write.began + Requests.longestSettlement > .now() else {
                return giveUp(write, .refused(.unavailable("username \(command.username) is being created")))
            }
            host.eventLoop.assumeIsolated().scheduleTask(in: Requests.nameRetry) {
                guard write.term == self.term else { return write.completion(.notServed) }
                self.begin(write)
            }
            return
        }
        if let outcome = rememberedOutcome(of: write.command) {
            switch outcome {
            case .done(let answer): return giveUp(write, .answered(.success(answer)))
            case .refused(let refusal): return giveUp(write, .refused(refusal))
            case .waiting, .mailTaken, .applied: return enter(write.command, write)
            }
        }
        host.references.resolve(write.command, for: partition) { result in
            switch result {
            case .success(let command): self.enter(command, write)
            case .failure(let refusal): self.giveUp(write, .refused(refusal))
            }
        }
    }

    /// Whether another creation holds the name: this one waits for what becomes of it.
    private func isNameBeingCreated(_ command: CreateUser) -> Bool {
        // A retry under the same key is answered by the first attempt's result, which applying finds.
        guard command.key == nil, replica.failure == nil else { return false }
        return replica.attempt { () throws(PartitionFailure) in
            try partition.isNameBeingCreated(command.username.folded)
        } ?? false
    }

    /// What a command came to the first time: a retry is answered whatever has become of what it refers to.
    private func rememberedOutcome(of command: Command) -> Outcome? {
        guard command.key != nil, replica.failure == nil else { return nil }
        return replica.attempt { () throws(PartitionFailure) in try partition.rememberedOutcome(of: command) } ?? nil
    }

    private func enter(_ command: Command, _ write: Write) {
        guard write.term == term else { return write.completion(.notServed) }
        if let refusal = replica.writeRefusal { return giveUp(write, refusal) }
        replica.append(command, .write(write))
        actors.entered(write.actor)
        drain(write.actor)
    }

    private func giveUp(_ write: Write, _ outcome: RequestOutcome) {
        if write.term == term { actors.entered(write.actor) }
        answer(write, outcome)
    }

    func answer(_ write: Write, _ outcome: RequestOutcome) {
        if case .answered(let result) = outcome {
            host.resources.noteRequest(write.command.name, began: write.began, result)
        }
        guard write.term == term else { return write.completion(outcome) }
        actors.answered(write.actor)
        write.completion(outcome)
        drain(write.actor)
    }

    /// Begins what may begin now. Work that ends at once does not begin the next itself: a long line would overflow
    /// the stack.
    private func drain(_ actor: Actor) {
        guard draining.insert(actor).inserted else { return }
        var rest = Requests.mostAtOnce
        begin(lineOf: actor) {
            rest -= 1
            return rest > 0
        }
    }

    /// Begins what waits in an actor's line and may begin; the rest of a long one when the loop has looked for input.
    private func begin(lineOf actor: Actor, while mayGoOn: () -> Bool) {
        repeat {
            switch actors.next(actor) {
            case .write(let write): begin(write)
            case .read(let read): perform(read)
            case nil:
                draining.remove(actor)
                return
            }
        } while mayGoOn()
        host.turns.add(.awaited) { end in
            self.begin(lineOf: actor) { .now() < end }
        }
    }

    // MARK: Queries

    func read(_ query: Query, completion: @escaping (RequestOutcome) -> Void) {
        guard isOpen(completion) else { return }
        perform(Read(query: query, unchecked: query.actors[...], began: .now(), completion: completion))
    }

    /// Whether the replica may answer reads that need not see the newest.
    private var mayReadBehind: Bool {
        replica.failure == nil && !replica.isInstalling && !replica.applier.isStalled
            && replica.state.mayReadBehind(applied: partition.appliedIndex, now: MonotonicClock.now())
    }

    /// Answers from a secondary, in no order with what else its actor asks for.
    func readBehind(_ query: Query, completion: @escaping (RequestOutcome) -> Void) {
        guard mayReadBehind else { return completion(.notServed) }
        let began = NIODeadline.now()
        let result = replica.attempt { () throws(PartitionFailure) in
            try partition.read(query, now: host.clock.now() / 1000)
        }
        guard let answer = result, mayReadBehind else { return completion(.notServed) }
        host.resources.noteRequest(query.name, began: began, answer)
        completion(.answered(answer))
    }

    private func perform(_ read: Read) {
        var read = read
        while let user = read.unchecked.popFirst() {
            guard actors.arrive(.read, for: .user(user), .read(read)) else { return }
        }
        if let refusal = replica.unavailability { return read.completion(.refused(refusal)) }
        let result = replica.attempt { () throws(PartitionFailure) in
            try partition.read(read.query, now: host.clock.now() / 1000)
        }
        // After the read: the lease may have gone meanwhile, and another primary may have written since.
        guard replica.mayRead || replica.failure != nil else { return read.completion(.notServed) }
        let answer = result ?? .failure(replica.unavailability ?? .unavailable("partition \(partition.id) has stopped"))
        host.resources.noteRequest(read.query.name, began: read.began, answer)
        read.completion(.answered(answer))
    }

    // MARK: Outcomes

    /// Answers a write whose entry is applied, or lets it wait for other partitions.
    func finish(_ write: Write, _ outcome: Outcome) {
        switch outcome {
        case .done(let result): answer(write, .answered(.success(result)))
        case .refused(let refusal): answer(write, .refused(refusal))
        case .waiting(let settlements, let fallback):
            guard write.term == term else { return write.completion(.refused(Requests.unknownOutcome)) }
            let patience = fallback == nil ? Requests.longestSettlement : Requests.longestBackfill
            waiters.add(.init(write: write, fallback: fallback, deadline: .now() + patience), for: settlements)
        case .mailTaken, .applied: answer(write, .refused(Refusal(.error, "command came to nothing")))
        }
    }

    func release(_ settled: Settled) {
        for waiter in waiters.take(settled.settlement) {
            answer(waiter.write, .answered(waiter.fallback.map { .success($0) } ?? settled.result))
        }
    }

    /// Answers those who have waited too long for other partitions.
    func releaseExpiredWaiters(now: NIODeadline) {
        for waiter in waiters.takeExpired(now: now) {
            answer(
                waiter.write,
                .answered(waiter.fallback.map { .success($0) } ?? .failure(Requests.unknownOutcome))
            )
        }
    }

    /// Tells those who wait for entries that these come to nothing here.
    func abandon(_ origins: some Sequence<Origin>, _ outcome: RequestOutcome) {
        for origin in origins {
            switch origin {
            case .write(let write): answer(write, outcome)
            case .mail(let completion): completion(nil)
            case .own: break
            }
        }
    }

    /// Gives up everything that is under way: what waits for other partitions has an outcome that nobody here will know,
    /// what has not begun was not done.
    func giveUpAll(_ unbegun: RequestOutcome) {
        term += 1
        for waiter in waiters.takeAll() {
            waiter.write.completion(.refused(Requests.unknownOutcome))
        }
        for work in actors.removeAll() {
            switch work {
            case .write(let write): write.completion(unbegun)
            case .read(let read): read.completion(unbegun)
            }
        }
    }
}
