internal import ClusterLinks
internal import EventLoops
internal import Launch
internal import Logging
internal import Messages
internal import Model
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import Observability
internal import Partitions
internal import Placement
internal import Replication
internal import Store
internal import Synchronization
internal import Wire

/// The event loops of a node with their partitions: hands each request to the loop that has the partition.
final class HostGroup: Sendable {
    /// Messages of replicas of so many bytes are answered at once.
    private static let largeMessageBytes = 1 << 18

    private let hosts: NIOLockedValueBox<[NIOLoopBound<PartitionHost>]>
    private let loops: [any EventLoop]
    private let node: NodeID
    private let logger: Logger
    /// Whether the node is about to end.
    private let leaving = NIOLockedValueBox(false)
    private let memory: MapMemory
    private let problems: ProblemBoard
    /// Whether this run has followed any map.
    private let hasFollowed = Atomic<Bool>(false)
    var isLeaving: Bool { leaving.withLockedValue { $0 } }
    /// What other threads are told of the partitions, as of the last report of each loop.
    private let reports: NIOLockedValueBox<[Int: HostReport]>

    init(resources: NodeResources, recovery: Recovery.Result) async throws {
        loops = Array(resources.loops.group.makeIterator())
        node = resources.node
        hosts = NIOLockedValueBox([])
        reports = NIOLockedValueBox([:])
        logger = resources.logger
        memory = resources.memory
        problems = resources.problems
        let settings = resources.settings
        let count = loops.count
        for (index, loop) in loops.enumerated() {
            let host = try await loop.submit {
                let handshake = Handshake(secret: settings.process.secret, name: settings.name)
                let links = NodeLinks(eventLoop: loop, handshake: handshake, logger: resources.logger)
                links.follow(resources.memory.map)
                let detour = CoordinatorDetour(name: settings.name, links: links)
                let host = PartitionHost(
                    eventLoop: loop,
                    loop: index,
                    clock: .system,
                    resources: resources,
                    links: links,
                    coordinator: CoordinatorClient(
                        eventLoop: loop,
                        coordinator: settings.coordinator,
                        handshake: handshake,
                        logger: resources.logger,
                        detour: detour.ask
                    ),
                    isOurs: { Int($0.rawValue) % count == index },
                    local: { [unowned self] request, reply in self.carryOut(request, reply: reply) },
                    report: { [unowned self] report in self.reports.withLockedValue { $0[index] = report } },
                    spread: { [unowned self] map in self.follow(map) },
                    recovery: recovery
                )
                host.start()
                return NIOLoopBound(host, eventLoop: loop)
            }.get()
            hosts.withLockedValue { $0.append(host) }
        }
    }

    var partitionCount: Int { partitions.count }
    var partitions: [PartitionID] { reports.withLockedValue { $0.values.flatMap(\.partitions) } }
    /// Whether all loops have opened what a map gives to them.
    var hasOpened: Bool {
        reports.withLockedValue { $0.count == loops.count && $0.values.allSatisfy { $0.mapVersion > 0 } }
    }
    /// Partitions that are this node's to serve, and are not served.
    var unservedCount: Int { reports.withLockedValue { $0.values.reduce(0) { $0 + $1.unserved } } }
    /// By partition, the entry behind which the log is needed by others.
    var heldBack: [PartitionID: LogIndex] {
        reports.withLockedValue { $0.values.reduce(into: [:]) { $0.merge($1.heldBack) { min($0, $1) } } }
    }
    /// Partitions that this node has no part in.
    var elsewhere: [PartitionID] { reports.withLockedValue { $0.values.flatMap(\.elsewhere) } }
    /// Partitions that have stopped here.
    var stopped: [PartitionID] { reports.withLockedValue { $0.values.flatMap(\.stopped) } }
    var unappliedEntries: UInt64 { reports.withLockedValue { $0.values.reduce(0) { $0 + $1.unappliedEntries } } }
    var waitingLetters: UInt64 { reports.withLockedValue { $0.values.reduce(0) { $0 + $1.waitingLetters } } }

    /// Answers a request that came over the network.
    func handle(_ bytes: [UInt8], _ responder: FrameResponder) {
        let request: NodeRequest
        do throws(BinaryDecodingError) {
            request = try NodeRequest(decoding: bytes)
        } catch {
            logger.warning("request cannot be read", metadata: ["error": "\(error)"])
            let refusal = Refusal(.error, "request cannot be read: \(error)")
            return responder.respond(NodeReply.executed(.failure(refusal)).encoded())
        }
        // What comes of replicas' messages is sent by itself. Large ones count towards what their sender lets be under way.
        let isAwaited = if case .replicate = request { bytes.count >= HostGroup.largeMessageBytes } else { true }
        carryOut(request) { responder.respond($0.encoded(), isAwaited: isAwaited) }
    }

    /// Carries a request out on the loops that its partitions belong to. Any thread.
    func carryOut(_ request: NodeRequest, reply: @escaping @Sendable (NodeReply) -> Void) {
        switch request {
        case .execute(let partition, let command):
            onHost(of: partition) { $0.execute(command, in: partition, completion: reply) }
        case .query(let parts): answer(parts, reply)
        case .deliver(let bags): deliver(bags, reply)
        case .replicate(let mail): replicate(mail, reply)
        case .transfer(let partition, let successor):
            onHost(of: partition) { reply($0.lead(partition, .transfer(to: successor))) }
        case .checksum(let partition, let index):
            onHost(of: partition) { $0.checksum(of: partition, at: index, reply: reply) }
        case .exclude(let partition, let node):
            onHost(of: partition) { reply($0.lead(partition, .exclude(node))) }
        case .snapshot(let page): onHost(of: page.partition) { $0.receive(page, completion: reply) }
        case .relay(let request): relay(request, reply)
        case .recollect: recollect(reply)
        case .beacon: reply(.noPromise)
        }
    }

    private func recollect(_ reply: @escaping @Sendable (NodeReply) -> Void) {
        let remembered = memory.map
        let gather = Gather<MapRecollection.Memory>(count: loops.count) { memories in
            reply(
                .recollected(
                    MapRecollection.Memory(
                        map: memories.reduce(remembered) { $0.joined(with: $1.map) },
                        logEpochs: memories.reduce(into: [:]) { $0.merge($1.logEpochs, uniquingKeysWith: max) }
                    )
                )
            )
        }
        onEach { host in gather.set(host.memory, at: host.loop) }
    }

    private func relay(_ request: CoordinatorRequest, _ reply: @escaping @Sendable (NodeReply) -> Void) {
        onHost(of: PartitionID(0)) { host in
            host.relay(request) { result in
                switch result {
                case .success(let answer): reply(.relayed(answer))
                case .failure(let refusal): reply(.executed(.failure(refusal)))
                }
            }
        }
    }

    private func answer(_ parts: [PartitionQuery], _ reply: @escaping @Sendable (NodeReply) -> Void) {
        if parts.count == 1, let part = parts.first {
            return onHost(of: part.partition) { host in
                guard part.mayBeBehind || host.serves(part.partition) else {
                    return reply(host.notPrimary(part.partition))
                }
                host.read(part) { reply(.queried([$0])) }
            }
        }
        let gather = Gather<Result<Answer, Refusal>>(count: parts.count) { reply(.queried($0)) }
        for (index, part) in parts.enumerated() {
            onHost(of: part.partition) { host in
                host.read(part) { gather.set($0, at: index) }
            }
        }
    }

    private func deliver(_ bags: [MailBag], _ reply: @escaping @Sendable (NodeReply) -> Void) {
        let gather = Gather<MailReport>(count: bags.count) { reply(.delivered($0)) }
        for (index, bag) in bags.enumerated() {
            onHost(of: bag.destination) { host in
                host.incoming.receive(bag) { gather.set($0, at: index) }
            }
        }
    }

    /// Hands messages to the loops of their partitions. They are answered as taken before they are: what comes of them is sent
    /// by itself.
    private func replicate(_ mail: ReplicaMail, _ reply: @escaping @Sendable (NodeReply) -> Void) {
        reply(.taken)
        guard mail.recipient == node else { return }
        let byLoop = Dictionary(grouping: mail.messages) { Int($0.partition.rawValue) % loops.count }
        for messages in byLoop.values {
            guard let first = messages.first else { continue }
            onHost(of: first.partition) { $0.receive(messages, from: mail.sender) }
        }
    }

    /// Lets all loops follow a map, if it is newer than theirs.
    ///
    /// Not one that knows less of any partition than this node remembers: a coordinator that has come back with an old map
    /// would let nodes lead that lack what was acknowledged since, and others forget what they have.
    func follow(_ map: PartitionMap) {
        let remembered = memory.map
        guard map.clusterID != remembered.clusterID || !remembered.hasLaterEpoch(than: map) else {
            return noteOldMap(map, remembered)
        }
        memory.note(map)
        hasFollowed.store(true, ordering: .relaxed)
        problems.set(nil, about: "map")
        onEach { $0.follow(map) }
    }

    private func noteOldMap(_ map: PartitionMap, _ remembered: PartitionMap) {
        // One that was overtaken on its way is no sign of anything.
        guard map.version > remembered.version || !hasFollowed.load(ordering: .relaxed) else { return }
        let what =
            "the coordinator's is older than what this node remembers: it is not followed (rookery cluster rebuild)"
        guard problems.set(what, about: "map", isHindrance: false) else { return }
        logger.error(
            "the coordinator's map is older than this node's: if it has lost it, give rookery cluster rebuild",
            metadata: ["coordinators": "\(map.version)", "ours": "\(remembered.version)"]
        )
    }

    private func onHost(of partition: PartitionID, _ body: @escaping @Sendable (PartitionHost) -> Void) {
        let index = Int(partition.rawValue) % loops.count
        guard let host = hosts.withLockedValue({ index < $0.count ? $0[index] : nil }) else { return }
        if host.eventLoop.inEventLoop {
            body(host.value)
        } else {
            host.eventLoop.execute { body(host.value) }
        }
    }

    /// Runs `body` on every loop with its host.
    func onEach(_ body: @escaping @Sendable (PartitionHost) -> Void) {
        for host in hosts.withLockedValue({ $0 }) {
            host.eventLoop.execute { body(host.value) }
        }
    }

    /// Runs `body` on every loop with its host and collects what it returns.
    func collect<Value: Sendable>(_ body: @escaping @Sendable (PartitionHost) -> Value) async throws -> [Value] {
        var values: [Value] = []
        for host in hosts.withLockedValue({ $0 }) {
            values.append(try await host.eventLoop.submit { body(host.value) }.get())
        }
        return values
    }

    /// Writes the tails of all home lists to the store.
    func writeTails() async {
        do {
            _ = try await collect { host in
                for replica in host.replicas {
                    replica.tails.finish()
                }
            }
        } catch {
            logger.warning("home lists are not written; the log has them", metadata: ["error": "\(error)"])
        }
    }

    /// Lets other nodes do without this one, where they have copies. Waits for that, a few seconds at most.
    func leave() async throws {
        leaving.withLockedValue { $0 = true }
        onEach { $0.leave() }
        try await wait(for: "other nodes to do without this one") { host in
            let now = MonotonicClock.now()
            return host.replicas.count { !$0.state.mayLeave(now: now) && $0.failure == nil }
        }
    }

    /// Waits until what is under way is answered, a few seconds at most; then replicas take part in nothing any more.
    func drain() async throws {
        try await wait(for: "requests under way") { host in host.replicas.reduce(0) { $0 + $1.waitingCount } }
        _ = try await collect { $0.stop() }
        // What that gave to the log has left the loops then.
        _ = try await collect { _ in }
    }

    private func wait(for what: String, _ count: @escaping @Sendable (PartitionHost) -> Int) async throws {
        for _ in 0..<100 {
            let left = try await collect(count).reduce(0, +)
            guard left > 0 else { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        logger.warning("not waited for any longer", metadata: ["what": "\(what)"])
    }
}

/// Collects a known number of values from any threads, then hands them out in order.
private final class Gather<Value: Sendable>: Sendable {
    private struct State {
        var values: [Value?]
        var missing: Int
    }

    private let state: NIOLockedValueBox<State>
    private let completion: @Sendable ([Value]) -> Void

    init(count: Int, completion: @escaping @Sendable ([Value]) -> Void) {
        state = NIOLockedValueBox(State(values: [Value?](repeating: nil, count: count), missing: count))
        self.completion = completion
        if count == 0 { completion([]) }
    }

    func set(_ value: Value, at index: Int) {
        let complete: [Value]? = state.withLockedValue { state in
            guard state.values[index] == nil else { return nil }
            state.values[index] = value
            state.missing -= 1
            return state.missing == 0 ? state.values.compactMap { $0 } : nil
        }
        if let complete { completion(complete) }
    }
}
