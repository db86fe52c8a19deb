internal import DequeModule
internal import Log
internal import Logging
internal import Model
internal import NIOCore
internal import Partitions

/// One partition on this node: takes requests, puts commands into the log, applies what is committed, answers.
///
/// Confined to its host's event loop.
final class Replica {
    /// A follow is answered without the author's list after this long.
    private static let longestBackfill = TimeAmount.milliseconds(200)
    /// A creation or rename whose other partitions do not answer; the front end has long given up.
    private static let longestSettlement = TimeAmount.seconds(30)
    /// How often a creation looks whether another one of its name has been settled.
    private static let nameRetry = TimeAmount.milliseconds(5)
    /// How often a partition tries again to write to a full store.
    private static let storeRetry = TimeAmount.milliseconds(250)
    /// About how many messages one log entry takes: an entry is applied in one go, so it must not be long.
    private static let messagesPerEntry = 512
    /// Messages that may be on their way through the log. A source that gets no answer in time sends its letters again:
    /// without a bound, a partition that is behind would log the same ones until it is behind for minutes.
    private static let largestMessagesInFlight = 16_384

    let partition: Partition
    private let host: PartitionHost
    private let epoch: UInt64
    private let limit: Int
    private var progress: ReplicaProgress
    private var inFlight: Deque<(entry: LogEntry, origin: Origin)> = []
    private var actors = ActorQueue<Work>()
    private var waiters = SettlementWaiters<Write>()
    private var stamp: EntryStamp
    private var isApplyScheduled = false
    private var isDraining = false
    /// The entry that waits for space in the store.
    private var stalled: (entry: LogEntry, origin: Origin)?
    private var messagesInFlight = 0
    private var deletionsUnderWay: Set<UserID> = []
    /// Actors whose waiting work is being begun further up the stack.
    private var draining: Set<Actor> = []
    private(set) var failure: PartitionFailure?

    init(partition: Partition, epoch: UInt64, host: PartitionHost, limit: Int) {
        self.partition = partition
        self.epoch = epoch
        self.host = host
        self.limit = limit
        progress = ReplicaProgress(recovered: partition.appliedIndex)
        stamp = EntryStamp(continuing: partition)
    }

    var positions: ReplicaProgress { progress }
    var waitingCount: Int { inFlight.count + actors.waitingCount }

    // MARK: Commands

    func submit(_ command: Command, completion: @escaping Completion) {
        guard let actor = command.actor else {
            return completion(.failure(Refusal(.error, "not a command of front ends")))
        }
        guard isOpen(completion) else { return }
        if let away = partition.outbox.fullDestination(limit: host.outboxLimit) {
            return completion(
                .failure(.unavailable("partition \(partition.id): too much mail waits for partition \(away)"))
            )
        }
        let write = Write(command: command, actor: actor, began: .now(), completion: completion)
        var kind = ActorQueue<Work>.Kind.write
        // A rename takes effect as a whole, later than it entered the log: no other update comes in between.
        switch command {
        case .createUser, .updateUser: kind = .exclusiveWrite
        default: break
        }
        if actors.arrive(kind, for: actor, .write(write)) { begin(write) }
    }

    private func isOpen(_ completion: Completion) -> Bool {
        if let refusal = unavailability {
            completion(.failure(refusal))
            return false
        }
        guard waitingCount < limit else {
            completion(.failure(.busy("partition \(partition.id) has \(waitingCount) requests under way")))
            return false
        }
        return true
    }

    private var unavailability: Refusal? {
        failure.map { .unavailable("partition \(partition.id) has stopped: \($0)") }
    }

    /// Why nothing may enter the log now; nil where it may.
    private var writeRefusal: Refusal? {
        if stalled != nil { return .unavailable("partition \(partition.id): the node's disk is full") }
        return unavailability ?? host.logRefusal
    }

    /// Finds out what the command needs to know of other partitions, then lets it enter the log.
    private func begin(_ write: Write) {
        // The outcome that a key remembers may not be in the store yet.
        if stalled != nil, let refusal = writeRefusal { return giveUp(write, .failure(refusal)) }
        if case .createUser(let command) = write.command, isNameBeingCreated(command) {
            guard write.began + Replica.longestSettlement > .now() else {
                return giveUp(write, .failure(.unavailable("username \(command.username) is being created")))
            }
            host.eventLoop.assumeIsolated().scheduleTask(in: Replica.nameRetry) { self.begin(write) }
            return
        }
        if let outcome = rememberedOutcome(of: write.command) {
            switch outcome {
            case .done(let answer): return giveUp(write, .success(answer))
            case .refused(let refusal): return giveUp(write, .failure(refusal))
            case .waiting, .mailTaken, .applied: return enter(write.command, write)
            }
        }
        host.references.resolve(write.command, for: partition) { result in
            switch result {
            case .success(let command): self.enter(command, write)
            case .failure(let refusal): self.giveUp(write, .failure(refusal))
            }
        }
    }

    /// Whether another creation holds the name: this one waits for what becomes of it.
    private func isNameBeingCreated(_ command: CreateUser) -> Bool {
        // A retry under the same key is answered by the first attempt's result, which applying finds.
        guard command.key == nil, failure == nil else { return false }
        return attempt { () throws(PartitionFailure) in
            try partition.isNameBeingCreated(command.username.folded)
        } ?? false
    }

    /// What a command came to the first time: a retry is answered whatever has become of what it refers to.
    private func rememberedOutcome(of command: Command) -> Outcome? {
        guard command.key != nil, failure == nil else { return nil }
        return attempt { () throws(PartitionFailure) in try partition.rememberedOutcome(of: command) } ?? nil
    }

    private func enter(_ command: Command, _ write: Write) {
        if let refusal = writeRefusal { return giveUp(write, .failure(refusal)) }
        append(command, .write(write))
        actors.entered(write.actor)
        drain(write.actor)
    }

    private func append(_ command: Command, _ origin: Origin) {
        let entry = stamp.entry(command, now: host.clock.now())
        let index = progress.append()
        inFlight.append((entry, origin))
        host.append(LogRecord(partition: partition.id, epoch: epoch, index: index, payload: entry.encoded()))
    }

    private func giveUp(_ write: Write, _ result: Result<Answer, Refusal>) {
        actors.entered(write.actor)
        answer(write, result)
    }

    private func answer(_ write: Write, _ result: Result<Answer, Refusal>) {
        actors.answered(write.actor)
        host.noteRequest(write.command.name, began: write.began, result)
        write.completion(result)
        drain(write.actor)
    }

    /// Begins what may begin now. Work that ends at once does not begin the next itself: a long line would overflow
    /// the stack.
    private func drain(_ actor: Actor) {
        guard draining.insert(actor).inserted else { return }
        defer { draining.remove(actor) }
        while let work = actors.next(actor) {
            switch work {
            case .write(let write): begin(write)
            case .read(let read): perform(read)
            }
        }
    }

    // MARK: Mail

    /// Takes letters of other partitions. `completion` is given how far each source's stream was taken, or nil where
    /// the partition cannot take mail now.
    func receive(_ letters: [Letter], completion: @escaping ([MailReceipt]?) -> Void) {
        guard writeRefusal == nil, inFlight.count < limit, messagesInFlight < Replica.largestMessagesInFlight else {
            return completion(nil)
        }
        let count = letters.reduce(0) { $0 + $1.messages.count }
        messagesInFlight += count
        let completion: ([MailReceipt]?) -> Void = { receipts in
            self.messagesInFlight -= count
            completion(receipts)
        }
        var batch: [Letter] = []
        var messages = 0
        for letter in letters {
            if messages >= Replica.messagesPerEntry {
                append(.receiveMail(batch), .own)
                batch = []
                messages = 0
            }
            batch.append(letter)
            messages += letter.messages.count
        }
        // What the last entry comes to says how far all sources' streams were taken.
        let sources = Set(letters.map(\.source))
        append(
            .receiveMail(batch),
            .mail { receipts in
                completion(receipts.map { _ in sources.map { self.partition.receipt(for: $0) } })
            }
        )
    }

    /// Notes how far destinations have taken this partition's letters.
    ///
    /// - Returns: false where the log takes nothing now.
    func trimOutbox(_ receipts: [MailReceipt]) -> Bool {
        guard writeRefusal == nil else { return false }
        append(.trimOutbox(receipts), .own)
        return true
    }

    // MARK: Queries

    func read(_ query: Query, completion: @escaping Completion) {
        guard isOpen(completion) else { return }
        perform(Read(query: query, unchecked: query.actors[...], began: .now(), completion: completion))
    }

    private func perform(_ read: Read) {
        var read = read
        while let user = read.unchecked.popFirst() {
            guard actors.arrive(.read, for: .user(user), .read(read)) else { return }
        }
        if let refusal = unavailability { return read.completion(.failure(refusal)) }
        let result = attempt { () throws(PartitionFailure) in
            try partition.read(read.query, now: host.clock.now() / 1000)
        }
        let answer = result ?? .failure(unavailability ?? .unavailable("partition \(partition.id) has stopped"))
        host.noteRequest(read.query.name, began: read.began, answer)
        read.completion(answer)
    }

    // MARK: Applying

    /// The log holds everything up to `index` durably.
    ///
    /// - Parameter end: when this turn of the loop, which all partitions share, must end.
    func becameDurable(upTo index: LogIndex, until end: NIODeadline) {
        progress.makeDurable(upTo: index)
        applyCommitted(until: end)
    }

    /// The log could not make its last entries durable: nobody knows whether they will be found after a restart. It
    /// takes nothing more; reads go on.
    func logFailed() {
        let durable = Int(progress.durable - progress.applied)
        let abandoned = Array(inFlight.dropFirst(durable))
        inFlight.removeLast(abandoned.count)
        abandon(abandoned)
    }

    /// Nobody knows what these entries will have come to.
    private func abandon(_ entries: some Sequence<(entry: LogEntry, origin: Origin)>) {
        for (_, origin) in entries {
            switch origin {
            case .write(let write): answer(write, .failure(Replica.unknownOutcome))
            case .mail(let completion): completion(nil)
            case .own: break
            }
        }
    }

    private func applyCommitted(until end: NIODeadline) {
        guard failure == nil, stalled == nil, !isApplyScheduled else { return }
        while NIODeadline.now() < end {
            guard !inFlight.isEmpty, let index = progress.applyNext(), let (entry, origin) = inFlight.popFirst() else {
                return continueDeletions()
            }
            let isApplied = complete(entry, origin) { () throws(PartitionFailure) in
                try partition.apply(entry, at: index)
            }
            guard isApplied else { return }
        }
        isApplyScheduled = true
        host.turns.add { end in
            self.isApplyScheduled = false
            self.applyCommitted(until: end)
        }
    }

    /// Answers what an entry came to.
    ///
    /// - Returns: false where it has no effect yet: the store is full, or the partition has stopped.
    private func complete(
        _ entry: LogEntry,
        _ origin: Origin,
        _ apply: () throws(PartitionFailure) -> Applied
    ) -> Bool {
        let applied: Applied
        do throws(PartitionFailure) {
            applied = try apply()
        } catch {
            if error.isOutOfSpace {
                stall(entry, origin, error)
            } else {
                stop(error)
                abandon([(entry, origin)])
            }
            return false
        }
        for settled in applied.settled {
            release(settled)
        }
        finish(origin, applied.outcome)
        if case .continueDeletion(let user) = entry.command { deletionsUnderWay.remove(user) }
        return true
    }

    /// The store has no space for an entry. It and those behind it will take effect when there is space again; nobody
    /// is kept waiting for that, least of all reads behind them.
    private func stall(_ entry: LogEntry, _ origin: Origin, _ error: PartitionFailure) {
        let waiting = [(entry, origin)] + Array(inFlight)
        stalled = (entry, origin.withoutWriter)
        inFlight = Deque(inFlight.map { ($0.entry, $0.origin.withoutWriter) })
        host.storeIsFull(error.description, for: partition.id)
        host.eventLoop.assumeIsolated().scheduleTask(in: Replica.storeRetry) { self.resumeStalled() }
        for case (_, .write(let write)) in waiting {
            answer(write, .failure(Replica.unknownOutcome))
        }
    }

    /// Tries again to write the entry that the store had no space for.
    private func resumeStalled() {
        guard failure == nil, let (entry, origin) = stalled else { return }
        stalled = nil
        let isApplied = complete(entry, origin) { () throws(PartitionFailure) in try partition.commit() }
        guard isApplied else { return }
        host.storeIsFull(nil, for: partition.id)
        applyCommitted(until: .now() + LoopTurns.longest)
    }

    private func finish(_ origin: Origin, _ outcome: Outcome) {
        switch (origin, outcome) {
        case (.write(let write), .done(let result)): answer(write, .success(result))
        case (.write(let write), .refused(let refusal)): answer(write, .failure(refusal))
        case (.write(let write), .waiting(let settlements, let fallback)):
            let patience = fallback == nil ? Replica.longestSettlement : Replica.longestBackfill
            waiters.add(.init(write: write, fallback: fallback, deadline: .now() + patience), for: settlements)
        case (.write(let write), .mailTaken), (.write(let write), .applied):
            answer(write, .failure(Refusal(.error, "command came to nothing")))
        case (.mail(let completion), .mailTaken(let receipts)): completion(receipts)
        case (.mail(let completion), _): completion(nil)
        case (.own, _): break
        }
    }

    private func release(_ settled: Settled) {
        for waiter in waiters.take(settled.settlement) {
            answer(waiter.write, waiter.fallback.map { .success($0) } ?? settled.result)
        }
    }

    /// Answers those who have waited too long for other partitions.
    func releaseExpiredWaiters(now: NIODeadline) {
        for waiter in waiters.takeExpired(now: now) {
            answer(waiter.write, waiter.fallback.map { .success($0) } ?? .failure(Replica.unknownOutcome))
        }
    }

    private func continueDeletions() {
        for user in partition.pendingDeletions where !deletionsUnderWay.contains(user) {
            guard writeRefusal == nil else { return }
            deletionsUnderWay.insert(user)
            append(.continueDeletion(user), .own)
        }
    }

    /// Takes up what the run before left unfinished.
    func resume() {
        continueDeletions()
    }

    // MARK: Upkeep

    /// Writes the tails of home lists to the store, a slice at a turn of the loop.
    func drainTails() {
        guard !isDraining else { return }
        isDraining = true
        drainNextSlice()
    }

    /// Writes all tails at once. For the end: it holds up the loop.
    func writeTails() {
        guard failure == nil else { return }
        do throws(PartitionFailure) {
            while try !partition.drainTails() {}
        } catch {
            host.tailsNotDrained(partition.id, error)
        }
    }

    private func drainNextSlice() {
        isDraining = false
        guard failure == nil else { return }
        do throws(PartitionFailure) {
            if try partition.drainTails() { return }
        } catch {
            // Nothing is lost: the log has it all, and keeps its segments until a drain succeeds.
            return host.tailsNotDrained(partition.id, error)
        }
        isDraining = true
        host.turns.add { _ in self.drainNextSlice() }
    }

    // MARK: Stopping

    private static let unknownOutcome = Refusal.timeout("outcome unknown: retry with the same KEY")

    /// Runs something that may find the partition broken, and stops the partition then.
    private func attempt<Value>(_ body: () throws(PartitionFailure) -> Value) -> Value? {
        do throws(PartitionFailure) {
            return try body()
        } catch {
            stop(error)
            return nil
        }
    }

    private func stop(_ error: PartitionFailure) {
        guard failure == nil else { return }
        failure = error
        host.partitionStopped(partition.id, error)
        let abandoned = (stalled.map { [$0] } ?? []) + Array(inFlight)
        if stalled != nil { host.storeIsFull(nil, for: partition.id) }
        stalled = nil
        let waiting = waiters.takeAll()
        inFlight = []
        let unbegun = actors.removeAll()
        abandon(abandoned)
        for waiter in waiting {
            waiter.write.completion(.failure(Replica.unknownOutcome))
        }
        for work in unbegun {
            let refusal = unavailability ?? .unavailable("partition \(partition.id) has stopped")
            switch work {
            case .write(let write): write.completion(.failure(refusal))
            case .read(let read): read.completion(.failure(refusal))
            }
        }
    }
}
