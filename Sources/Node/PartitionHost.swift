internal import ClusterLinks
internal import Log
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Observability
internal import Partitions
internal import Placement
internal import Store

/// The partitions of one event loop, and what they share: the log, the courier, the connections to other nodes.
///
/// Confined to its event loop.
final class PartitionHost {
    private static let tick = TimeAmount.milliseconds(20)
    /// How often the last letters of idle partitions are trimmed.
    private static let ticksPerTrim = 10
    /// How often unread home lists are looked for.
    private static let ticksPerSweep = 250

    let eventLoop: any EventLoop
    let clock: WallClock
    private let settings: NodeSettings
    private let node: NodeID
    private let database: Database
    private let log: GroupCommitLog
    private let disk: DiskSpace
    private let metrics: NodeMetrics
    private let problems: ProblemBoard
    private let logger: Logger
    private let links: NodeLinks
    private let isOurs: (PartitionID) -> Bool
    private let local: (NodeRequest, @escaping @Sendable (NodeReply) -> Void) -> Void
    private let report: (HostReport) -> Void
    /// Partitions that could not be recovered: they stay closed.
    private let stopped: [PartitionID: PartitionFailure]
    private let startedAt: Milliseconds

    private(set) var map = PartitionMap()
    private var byID: [PartitionID: Replica] = [:]
    private var unsubmitted: [LogRecord] = []
    private var unsubmittedBytes = 0
    private var isSubmitScheduled = false
    private var isLogFailureNoted = false
    private var ticks = 0

    /// - Parameters:
    ///   - isOurs: whether a partition belongs to this loop.
    ///   - local: carries out a request on this node's loops, for letters and questions to its own partitions.
    init(
        eventLoop: any EventLoop,
        clock: WallClock,
        settings: NodeSettings,
        node: NodeID,
        database: Database,
        log: GroupCommitLog,
        disk: DiskSpace,
        metrics: NodeMetrics,
        problems: ProblemBoard,
        links: NodeLinks,
        logger: Logger,
        isOurs: @escaping (PartitionID) -> Bool,
        local: @escaping (NodeRequest, @escaping @Sendable (NodeReply) -> Void) -> Void,
        report: @escaping (HostReport) -> Void,
        stopped: [PartitionID: PartitionFailure]
    ) {
        self.eventLoop = eventLoop
        self.clock = clock
        self.settings = settings
        self.node = node
        self.database = database
        self.log = log
        self.disk = disk
        self.metrics = metrics
        self.problems = problems
        self.links = links
        self.logger = logger
        self.isOurs = isOurs
        self.local = local
        self.report = report
        self.stopped = stopped
        startedAt = clock.now() / 1000
    }

    /// What may not hold up this loop's requests.
    private(set) lazy var turns = LoopTurns(eventLoop: eventLoop)
    private lazy var courier = Courier(host: self, logger: logger)
    private(set) lazy var references = References { [unowned self] queries, deadline, completion in
        self.ask(queries, deadline: deadline, completion)
    }

    var replicas: some Collection<Replica> { byID.values }

    func replica(of partition: PartitionID) -> Replica? { byID[partition] }

    /// Messages that may wait for one destination.
    var outboxLimit: Int { settings.outboxMessages }

    /// Whether a destination's receipt agrees with what its source wrote; if not, the node says so.
    func isPossible(_ receipt: MailReceipt, at destination: PartitionID) -> Bool {
        guard let replica = byID[receipt.partition] else { return false }
        if replica.partition.outbox.isPossible(receipt.sequence, from: destination) { return true }
        let what = "mail from partition \(receipt.partition) to \(destination) disagrees: one side lost entries"
        if problems.set(what, about: "mail \(receipt.partition) to \(destination)") {
            logger.error("mail disagrees: one side lost entries", metadata: ["what": "\(what)"])
        }
        return false
    }

    func start() {
        eventLoop.assumeIsolated().scheduleTask(in: PartitionHost.tick) {
            self.onTick()
            self.start()
        }
    }

    private func onTick() {
        let now = NIODeadline.now()
        for replica in byID.values {
            replica.releaseExpiredWaiters(now: now)
        }
        courier.notice()
        // A sync that nobody waits for may have failed.
        if let failure = log.failure { noteLogFailure(failure) }
        ticks += 1
        if ticks % PartitionHost.ticksPerTrim == 0 {
            courier.trim(from: 1)
            tellOthers()
        }
        if ticks % PartitionHost.ticksPerSweep == 0 {
            dropUnreadHomeLists()
        }
    }

    private func tellOthers() {
        report(
            HostReport(
                partitions: Array(byID.keys),
                waitingLetters: byID.values.reduce(0) { $0 + UInt64($1.partition.outbox.waitingCount) }
            )
        )
    }

    private func dropUnreadHomeLists() {
        let now = clock.now() / 1000
        guard now > settings.idleMilliseconds else { return }
        for replica in byID.values where replica.failure == nil {
            do throws(PartitionFailure) {
                _ = try replica.partition.dropUnreadHomeLists(
                    since: now - settings.idleMilliseconds,
                    startedAt: startedAt
                )
            } catch {
                logger.error(
                    "home lists cannot be dropped",
                    metadata: ["partition": "\(replica.partition.id)", "error": "\(error)"]
                )
            }
        }
    }

    /// Begins to write the tails of all home lists to the store; they are written when the log's segments may go.
    func drainTails() {
        for replica in byID.values {
            replica.drainTails()
        }
    }

    // MARK: The map

    /// Follows a newer map: opens the partitions that it gives to this node and loop.
    func follow(_ map: PartitionMap) {
        guard map.version > self.map.version, let layout = map.layout else { return }
        self.map = map
        links.follow(map)
        let all = map.partitions(of: node)
        for partition in all where isOurs(partition) && byID[partition] == nil {
            if let failure = stopped[partition] {
                partitionStopped(partition, failure)
                continue
            }
            open(
                partition,
                epoch: map.configurations[Int(partition.rawValue)].epoch,
                layout,
                settings.partition(amongst: all.count)
            )
        }
        tellOthers()
    }

    private func open(
        _ id: PartitionID,
        epoch: UInt64,
        _ layout: PartitionLayout,
        _ partitionSettings: PartitionSettings
    ) {
        do throws(PartitionFailure) {
            let partition = try Partition(
                id: id,
                layout: layout,
                database: database,
                settings: partitionSettings,
                incarnation: UInt64.random(in: 1...UInt64.max)
            )
            // After `Recovery` there is nothing left to do, unless the log has lost all entries of the partition.
            try partition.finishReplay()
            let replica = Replica(partition: partition, epoch: epoch, host: self, limit: settings.inFlight)
            byID[id] = replica
            replica.resume()
            logger.info(
                "partition open",
                metadata: ["partition": "\(id)", "applied": "\(partition.appliedIndex)"]
            )
        } catch {
            partitionStopped(id, error)
        }
    }

    /// The store has no space for an entry of a partition; nil where it has again.
    func storeIsFull(_ message: String?, for id: PartitionID) {
        guard problems.set(message, about: "store of partition \(id)") else { return }
        let metadata: Logger.Metadata = ["partition": "\(id)", "message": "\(message ?? "")"]
        if message != nil {
            logger.critical("the store is full: writes are refused", metadata: metadata)
        } else {
            logger.notice("the store has space again", metadata: metadata)
        }
    }

    func tailsNotDrained(_ id: PartitionID, _ error: PartitionFailure) {
        logger.error(
            "home lists cannot be written; the log grows",
            metadata: ["partition": "\(id)", "error": "\(error)"]
        )
    }

    /// A partition cannot go on. The others do.
    func partitionStopped(_ id: PartitionID, _ error: PartitionFailure) {
        problems.set(error.description, about: "partition \(id)")
        logger.critical("partition stopped", metadata: ["partition": "\(id)", "error": "\(error)"])
    }

    // MARK: Requests

    func execute(
        _ command: Command,
        in partition: PartitionID,
        completion: @escaping (NodeReply) -> Void
    ) {
        guard let replica = byID[partition] else { return completion(notPrimary(partition)) }
        replica.submit(command) { completion(.executed($0)) }
    }

    func read(_ query: Query, of partition: PartitionID, completion: @escaping (Result<Answer, Refusal>) -> Void) {
        guard let replica = byID[partition] else {
            return completion(.failure(.unavailable("partition \(partition) is not on this node")))
        }
        replica.read(query, completion: completion)
    }

    func receive(_ bag: MailBag, completion: @escaping (MailReport) -> Void) {
        guard let replica = byID[bag.destination] else {
            return completion(MailReport(destination: bag.destination, receipts: []))
        }
        replica.receive(bag.letters) { receipts in
            completion(MailReport(destination: bag.destination, receipts: receipts ?? []))
        }
    }

    func serves(_ partition: PartitionID) -> Bool { byID[partition] != nil }

    func notPrimary(_ partition: PartitionID) -> NodeReply { .notPrimary(partition, mapVersion: map.version) }

    /// Asks whichever nodes serve partitions, each once; `completion` is called at once where all are this loop's.
    private func ask(
        _ queries: [PartitionQuery],
        deadline: NIODeadline,
        _ completion: @escaping (References.Results) -> Void
    ) {
        guard !queries.isEmpty else { return completion([]) }
        let gathering = Gathering(count: queries.count, completion)
        var byNode: [NodeID: [Int]] = [:]
        for (index, query) in queries.enumerated() {
            if byID[query.partition] != nil {
                read(query.query, of: query.partition) { gathering.set($0, at: index) }
            } else if let node = map.primary(of: query.partition) {
                byNode[node, default: []].append(index)
            } else {
                gathering.set(PartitionHost.noAnswer(of: query.partition), at: index)
            }
        }
        for (node, indexes) in byNode {
            ask(node, .query(indexes.map { queries[$0] }), deadline: deadline) { result in
                var found: References.Results = []
                if case .success(.queried(let results)) = result { found = results }
                for (position, index) in indexes.enumerated() {
                    let answer = position < found.count ? found[position] : nil
                    gathering.set(answer ?? PartitionHost.noAnswer(of: queries[index].partition), at: index)
                }
            }
        }
    }

    private static func noAnswer(of partition: PartitionID) -> Result<Answer, Refusal> {
        .failure(.unavailable("partition \(partition) does not answer"))
    }

    /// Results of several queries while they come in.
    private final class Gathering {
        private var results: [Result<Answer, Refusal>?]
        private var missing: Int
        private let completion: (References.Results) -> Void

        /// - Parameter count: at least 1.
        init(count: Int, _ completion: @escaping (References.Results) -> Void) {
            results = [Result<Answer, Refusal>?](repeating: nil, count: count)
            missing = count
            self.completion = completion
        }

        func set(_ result: Result<Answer, Refusal>, at index: Int) {
            guard results[index] == nil else { return }
            results[index] = result
            missing -= 1
            if missing == 0 { completion(results.compactMap { $0 }) }
        }
    }

    /// Asks a node, this one without the network. `completion` is called on this loop, later than this call.
    func ask(
        _ node: NodeID,
        _ request: NodeRequest,
        deadline: NIODeadline,
        completion: @escaping NodeLinks.Completion
    ) {
        guard node == self.node else {
            return links.ask(node, request, deadline: deadline, completion: completion)
        }
        let promise = eventLoop.makePromise(of: NodeReply.self)
        promise.futureResult.assumeIsolated().whenSuccess { completion(.success($0)) }
        local(request) { promise.succeed($0) }
    }

    // MARK: The log

    /// Why nothing can be appended now; nil where it can.
    var logRefusal: Refusal? {
        if let failure = log.failure { return .unavailable("the node's log failed: \(failure)") }
        if let refusal = disk.refusal { return refusal }
        let waiting = log.queuedBytes + unsubmittedBytes
        return waiting > settings.logQueueBytes / 2 ? .busy("the node's log is behind") : nil
    }

    /// Gives a record to the log with all others of this turn of the loop.
    func append(_ record: LogRecord) {
        unsubmitted.append(record)
        unsubmittedBytes += record.payload.count
        guard !isSubmitScheduled else { return }
        isSubmitScheduled = true
        eventLoop.assumeIsolated().execute { self.submit() }
    }

    private func submit() {
        isSubmitScheduled = false
        let records = unsubmitted
        let bytes = unsubmittedBytes
        unsubmitted = []
        unsubmittedBytes = 0
        var last: [PartitionID: LogIndex] = [:]
        for record in records {
            last[record.partition] = record.index
        }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let positions = last
        do throws(LogError) {
            try log.submit(records) { result in
                bound.eventLoop.execute { bound.value.submitted(positions, result) }
            }
        } catch .busy {
            // Kept, in order, in front of what follows.
            unsubmitted = records
            unsubmittedBytes = bytes
            isSubmitScheduled = true
            eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.submit() }
        } catch {
            // Behind what the log has completed before.
            eventLoop.assumeIsolated().execute { self.submitted(positions, .failure(error)) }
        }
    }

    private func submitted(_ positions: [PartitionID: LogIndex], _ result: Result<Void, LogError>) {
        if case .failure(let error) = result { noteLogFailure(error) }
        let end = NIODeadline.now() + LoopTurns.longest
        for (partition, index) in positions {
            switch result {
            case .success: byID[partition]?.becameDurable(upTo: index, until: end)
            case .failure: byID[partition]?.logFailed()
            }
        }
        courier.notice()
    }

    private func noteLogFailure(_ error: LogError) {
        guard !isLogFailureNoted else { return }
        isLogFailureNoted = true
        problems.set(error.description, about: "log")
        logger.critical("the log failed", metadata: ["error": "\(error)"])
    }

    // MARK: Measuring

    func noteRequest(_ name: String, began: NIODeadline, _ result: Result<Answer, Refusal>) {
        let time = NIODeadline.now() - began
        var isRefused = false
        if case .failure = result { isRefused = true }
        metrics.noteRequest(name, nanoseconds: time.nanoseconds, isRefused: isRefused)
        if time > .milliseconds(Int64(settings.slowMilliseconds)) {
            logger.warning(
                "slow request",
                metadata: ["command": "\(name)", "milliseconds": "\(time.nanoseconds / 1_000_000)"]
            )
        }
    }
}
