internal import ClusterLinks
internal import EventLoops
internal import Log
internal import Logging
internal import Mail
internal import Messages
internal import Model
internal import NIOCore
internal import Observability
internal import Partitions
internal import Placement
internal import Replication
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
    let resources: NodeResources
    private let settings: NodeSettings
    let node: NodeID
    private let log: GroupCommitLog
    let problems: ProblemBoard
    private let logger: Logger
    private let links: NodeLinks
    let leases: NodeLeases
    private let beacons: Beacons
    private let isOurs: (PartitionID) -> Bool
    private let local: (NodeRequest, @escaping @Sendable (NodeReply) -> Void) -> Void
    private let report: (HostReport) -> Void
    /// Gives a newer map, which this loop was the first to be told of, to all.
    private let spread: (PartitionMap) -> Void
    private let changes: ConfigurationChanges
    /// Partitions that could not be recovered or opened: they stay closed until the next start.
    private(set) var stopped: [PartitionID: PartitionFailure]
    private let opener: PartitionOpener
    let loop: Int
    private let startedAt: Milliseconds

    private(set) var map = PartitionMap()
    private var byID: [PartitionID: Replica] = [:]
    private var isLogFailureNoted = false
    private var isLeaving = false
    private(set) var isEnding = false
    private var areWantsStale = false
    private var isReportDue = false
    private var ticks = 0

    /// - Parameters:
    ///   - loop: which of the node's loops it is.
    ///   - isOurs: whether a partition belongs to this loop.
    ///   - local: carries out a request on this node's loops, for letters and questions to its own partitions.
    init(
        eventLoop: any EventLoop,
        loop: Int,
        clock: WallClock,
        resources: NodeResources,
        links: NodeLinks,
        coordinator: CoordinatorClient,
        isOurs: @escaping (PartitionID) -> Bool,
        local: @escaping (NodeRequest, @escaping @Sendable (NodeReply) -> Void) -> Void,
        report: @escaping (HostReport) -> Void,
        spread: @escaping (PartitionMap) -> Void,
        recovery: Recovery.Result
    ) {
        self.eventLoop = eventLoop
        self.loop = loop
        self.clock = clock
        self.resources = resources
        settings = resources.settings
        node = resources.node
        log = resources.log
        problems = resources.problems
        logger = resources.logger
        leases = resources.leases
        beacons = resources.beacons
        self.links = links
        self.spread = spread
        changes = ConfigurationChanges(coordinator: coordinator, logger: resources.logger, onMap: spread)
        self.isOurs = isOurs
        self.local = local
        self.report = report
        stopped = recovery.stopped
        opener = PartitionOpener(resources: resources, logs: recovery.logs.filter { isOurs($0.key) })
        startedAt = clock.now() / 1000
    }

    /// What may not hold up this loop's requests.
    private(set) lazy var turns = LoopTurns(eventLoop: eventLoop) { [ticks = resources.loops.ticks, eventLoop] in
        ticks.count(of: eventLoop)
    }
    private lazy var feed = LogFeed(eventLoop: eventLoop, log: log) { [unowned self] tickets, result in
        self.submitted(tickets, result)
    }
    private lazy var catchUp = CatchUp(host: self, resources: resources, links: links)
    private lazy var disposal = PartitionDisposal(host: self, resources: resources)
    private lazy var post = ReplicaPost(eventLoop: eventLoop, node: node, links: links)
    private lazy var courier = Courier(host: self, logger: logger)
    private(set) lazy var incoming = MailGathering(host: self)
    private(set) lazy var references = References { [queries = PeerQueries(host: self)] parts, deadline, completion in
        queries.ask(parts, deadline: deadline, completion)
    }

    var replicas: some Collection<Replica> { byID.values }

    /// The map, with what replicas know that is newer, and what the log says of epochs.
    var memory: MapRecollection.Memory {
        var (map, epochs) = (map, opener.logEpochs)
        for (partition, replica) in byID where map.configurations.indices.contains(Int(partition.rawValue)) {
            epochs[partition] = replica.state.epochs.lastEpoch
            let own = replica.state.configuration
            if own.epoch > map.configurations[Int(partition.rawValue)].epoch {
                map.configurations[Int(partition.rawValue)] = own
            }
        }
        return MapRecollection.Memory(map: map, logEpochs: epochs)
    }

    func replica(of partition: PartitionID) -> Replica? { byID[partition] }

    /// Messages that may wait for one destination.
    var outboxLimit: Int { settings.outboxMessages }

    func start() {
        eventLoop.assumeIsolated().scheduleTask(in: PartitionHost.tick) {
            guard !self.isEnding else { return }
            self.onTick()
            self.start()
        }
    }

    /// The node is about to end: other nodes are to do without its replicas, from the next tick on.
    func leave() {
        isLeaving = true
    }

    /// The node ends: replicas take part in nothing any more.
    func stop() {
        for replica in byID.values {
            replica.noteCommitted()
        }
        isEnding = true
    }

    /// A disk without space takes no entries: others do, and take this node back when there is space. A log that has failed
    /// takes none until a restart.
    private var wantsToLeave: Bool { isLeaving || resources.disk.refusal != nil || log.failure != nil }

    private func onTick() {
        let now = NIODeadline.now()
        beacons.noteTurn(ofLoop: loop)
        for replica in byID.values {
            replica.requests.releaseExpiredWaiters(now: now)
            if replica.state.isLeaving != wantsToLeave { replica.handle(.leave(wantsToLeave)) }
            replica.tick()
            replica.applier.applyWaiting()
        }
        updateWants()
        courier.notice()
        giveUpHungLog()
        // A sync that nobody waits for may have failed.
        if let failure = log.failure { noteLogFailure(failure) }
        ticks += 1
        if ticks % PartitionHost.ticksPerTrim == 0 {
            courier.trim(from: 1)
            disposal.noteTick()
            for replica in byID.values {
                replica.noteCommitted()
            }
            tellOthers()
        }
        if ticks % PartitionHost.ticksPerSweep == 0 {
            catchUp.forgetAbandoned(now: now)
            for replica in byID.values {
                replica.comparison.begin()
            }
            dropUnreadHomeLists(startedAt: startedAt)
        }
    }

    /// This loop's partitions that are not open because the node has no part in them.
    private var elsewhere: [PartitionID] {
        (map.layout?.partitions ?? []).filter {
            isOurs($0) && byID[$0] == nil && stopped[$0] == nil && disposal.underWay != $0
        }
    }

    /// Once for all partitions that begin to serve together.
    private func tellOthersSoon() {
        guard !isReportDue else { return }
        isReportDue = true
        eventLoop.assumeIsolated().execute { self.tellOthers() }
    }

    private func tellOthers() {
        isReportDue = false
        report(HostReport(of: self, elsewhere: elsewhere, heldBack: catchUp.heldBack(now: .now())))
    }

    // MARK: The map

    /// Follows a newer map: opens the partitions that it gives to this node and loop, and tells all replicas.
    func follow(_ map: PartitionMap) {
        guard map.version > self.map.version, let layout = map.layout else { return }
        if let known = self.map.layout, map.clusterID != self.map.clusterID || layout != known {
            logger.error("a map of another cluster is ignored", metadata: ["cluster": "\(map.clusterID)"])
            return
        }
        self.map = map
        links.follow(map)
        for (partition, replica) in byID {
            tell(replica, whatTheMapSaysOf: partition)
        }
        openPartitions()
        updateWants()
        tellOthers()
    }

    /// Opens what the map gives to this node and loop, and what there is here of others: nothing of it is thrown away before the
    /// protocol says that nobody counts on it.
    private func openPartitions() {
        guard let layout = map.layout, !isEnding else { return }
        let count = map.largestShare(of: node)
        for partition in layout.partitions
        where isOurs(partition) && byID[partition] == nil && disposal.underWay != partition {
            if let failure = stopped[partition] {
                if isHere(partition) { partitionStopped(partition, failure) }
            } else if isHere(partition) || opener.isLeft(partition) {
                open(partition, layout, amongst: count)
            }
        }
    }

    private func tell(_ replica: Replica, whatTheMapSaysOf partition: PartitionID) {
        replica.handle(.learners(map.learners[partition] ?? []))
        if let configuration = map.configuration(of: partition) { replica.handle(.configured(configuration)) }
    }

    private func isHere(_ partition: PartitionID) -> Bool {
        map.configuration(of: partition)?.replicas.contains(node) ?? false
            || map.learners[partition]?.contains(node) ?? false
    }

    private func open(_ id: PartitionID, _ layout: PartitionLayout, amongst count: Int) {
        do throws(PartitionFailure) {
            let replica = try opener.open(id, layout, factor: map.replicationFactor, amongst: count, for: self)
            byID[id] = replica
            tell(replica, whatTheMapSaysOf: id)
        } catch {
            stopped[id] = error
            // What is only left here is in nobody's way.
            if isHere(id) { partitionStopped(id, error) } else { leftoverStopped(id, error) }
        }
    }

    // MARK: Replication

    /// Takes what replicas of another node tell those of this loop.
    func receive(_ messages: [PartitionMessage], from sender: NodeID) {
        guard !isEnding else { return }
        for one in messages {
            byID[one.partition]?.receive(one.message, from: sender)
        }
        courier.notice()
    }

    func send(_ message: ReplicaMessage, of partition: PartitionID, to peer: NodeID) {
        post.send(message, of: partition, to: peer)
    }

    /// A replica has learnt of its configuration.
    func learn(_ configuration: PartitionMap.Configuration, of partition: PartitionID) {
        leases.update { $0.learn(configuration, of: partition) }
        logger.info(
            "configuration",
            metadata: [
                "partition": "\(partition)", "epoch": "\(configuration.epoch)",
                "primary": "\(configuration.primary.map { "\($0)" } ?? "none")",
                "secondaries": "\(configuration.secondaries.map { "\($0)" }.joined(separator: " "))",
            ]
        )
        areWantsStale = true
        eventLoop.assumeIsolated().execute { if self.areWantsStale { self.updateWants() } }
    }

    /// Says which leases this loop's primaries need.
    private func updateWants() {
        areWantsStale = false
        guard !isEnding else { return }
        var wants: [NodeID: [PartitionID: UInt64]] = [:]
        for (partition, replica) in byID {
            for grantor in replica.state.grantors {
                wants[grantor, default: [:]][partition] = replica.state.configuration.epoch
            }
        }
        if leases.want(wants, onLoop: loop) { beacons.sendSoon() }
    }

    /// Asks the coordinator for a configuration. The replica asks again until its epoch is over.
    func propose(_ configuration: PartitionMap.Configuration, for partition: PartitionID, because reason: String) {
        if !isEnding { changes.propose(configuration, for: partition, because: reason) }
    }

    /// Somebody knows of a newer configuration.
    func askForMap() { changes.askForMap(newerThan: map) }

    /// Asks the coordinator for a node that does not reach it.
    func relay(_ request: CoordinatorRequest, completion: @escaping CoordinatorClient.Completion) {
        changes.relay(request, completion: completion)
    }

    func readEntries(of replica: Replica, from first: LogIndex, for follower: NodeID, epoch: UInt64) {
        catchUp.readEntries(of: replica, from: first, for: follower, epoch: epoch)
    }

    func sendSnapshot(of replica: Replica, to follower: NodeID, epoch: UInt64) {
        catchUp.sendSnapshot(of: replica, to: follower, epoch: epoch)
    }

    /// Takes a page of a snapshot for a replica of this loop.
    func receive(_ page: SnapshotPage, completion: @escaping (NodeReply) -> Void) {
        guard let replica = byID[page.partition], !isEnding else { return completion(notPrimary(page.partition)) }
        catchUp.receive(page, for: replica) { refusal in
            completion(refusal.map { .executed(.failure($0)) } ?? .taken)
        }
    }

    /// A snapshot has taken the place of what the store had of a replica.
    func reopen(_ replica: Replica, at page: SnapshotPage) {
        guard let layout = map.layout else { return }
        do throws(PartitionFailure) {
            let partition = try opener.openStore(of: page.partition, layout, amongst: map.largestShare(of: node))
            guard partition.appliedIndex == page.index, partition.lastEpoch == page.indexEpoch else {
                throw .damaged("a snapshot of entry \(page.index) has entry \(partition.appliedIndex)")
            }
            replica.install(partition)
        } catch {
            replica.stop(error)
        }
    }

    /// Nobody counts on what a replica has: it is closed, and what there is of it goes. Where that cannot be now, it will be asked
    /// for again.
    func discard(_ replica: Replica) {
        let partition = replica.partition.id
        guard !isEnding, !disposal.isBusy, log.failure == nil, replica.mayBeClosed, !catchUp.isReceiving(partition),
            let open = byID[partition], open === replica
        else { return }
        replica.close()
        byID[partition] = nil
        NodeGauges.forget(replica)
        disposal.dispose(of: replica) { self.noteDisposal(of: partition, $0) }
        updateWants()
        tellOthers()
    }

    private func noteDisposal(of partition: PartitionID, _ result: Result<Void, any Error>) {
        if case .failure(let error) = result {
            stopped[partition] = .broken("it was to be removed, and could not be: \(error)")
        } else {
            opener.noteRemoved(partition)
        }
        openPartitions()
        tellOthers()
    }

    func beganServing(_ partition: PartitionID, epoch: UInt64) {
        tellOthersSoon()
        logger.notice("partition served", metadata: ["partition": "\(partition)", "epoch": "\(epoch)"])
        courier.notice()
    }

    func endedServing(_ partition: PartitionID) {
        logger.notice("partition served no longer", metadata: ["partition": "\(partition)"])
        courier.forget(partition)
    }

    /// Tells a partition's primary what an operator wants.
    func lead(_ partition: PartitionID, _ event: ReplicaState.Event) -> NodeReply {
        guard let replica = byID[partition], replica.isServing else { return notPrimary(partition) }
        replica.handle(event)
        return .taken
    }

    // MARK: Requests

    func execute(
        _ command: Command,
        in partition: PartitionID,
        completion: @escaping (NodeReply) -> Void
    ) {
        guard let replica = byID[partition] else { return completion(notPrimary(partition)) }
        replica.requests.submit(command) { outcome in
            switch outcome {
            case .answered(let result): completion(.executed(result))
            case .notServed: completion(self.notPrimary(partition))
            }
        }
    }

    func read(_ part: PartitionQuery, completion: @escaping (Result<Answer, Refusal>) -> Void) {
        let refusal = Refusal.unavailable("partition \(part.partition) is not served by this node")
        guard let replica = byID[part.partition] else { return completion(.failure(refusal)) }
        let finish = { (outcome: RequestOutcome) in
            switch outcome {
            case .answered(let result): completion(result)
            case .notServed: completion(.failure(refusal))
            }
        }
        if part.mayBeBehind, !replica.isServing {
            replica.requests.readBehind(part.query, completion: finish)
        } else {
            replica.requests.read(part.query, completion: finish)
        }
    }

    func serves(_ partition: PartitionID) -> Bool { byID[partition]?.isServing ?? false }

    func notPrimary(_ partition: PartitionID) -> NodeReply { .notPrimary(partition, mapVersion: map.version) }

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
        if let refusal = resources.disk.refusal { return refusal }
        let waiting = log.queuedBytes + feed.waitingBytes
        return waiting > settings.logQueueBytes / 2 ? .busy("the node's log is behind") : nil
    }

    /// Gives records to the log with all others of this turn of the loop.
    func append(_ records: [LogRecord], of partition: PartitionID, ticket: UInt64?) {
        // What ends here, and may have been sent, comes back under another epoch.
        guard !isEnding else { return }
        feed.append(records, of: partition, ticket: ticket)
    }

    /// - Parameter followUp: called when the records are durable, or never will be.
    func append(_ records: [LogRecord], of partition: PartitionID, followUp: @escaping LogFeed.FollowUp) {
        guard !isEnding else { return followUp(.failure(.closed)) }
        feed.append(records, of: partition, ticket: nil, followUp: followUp)
    }

    private func submitted(_ tickets: LogFeed.Tickets, _ result: Result<Void, LogError>) {
        switch result {
        case .success:
            for (partition, ticket) in tickets {
                byID[partition]?.becameDurable(ticket)
            }
        case .failure(let error): noteLogFailure(error)
        }
        courier.notice()
    }

    private func noteLogFailure(_ error: LogError) {
        guard !isLogFailureNoted else { return }
        isLogFailureNoted = true
        problems.set(error.description, about: "log")
        logger.critical("the log failed", metadata: ["error": "\(error)"])
        for replica in byID.values {
            replica.logFailed()
        }
    }
}
