internal import ClusterLinks
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Placement
internal import Replication
internal import Synchronization
internal import Wire

/// Exchanges beacons with other nodes, on a thread of its own: a busy disk or a long turn of an event loop must not
/// depose everything at once. A loop that stands still for longer than a lease counts as the whole node.
final class Beacons: Sendable {
    private struct State {
        var map = PartitionMap()
        var lastTurns: [Int: MonotonicTime] = [:]
    }

    private let node: NodeID
    private let leases: NodeLeases
    private let times: ReplicationTimes
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let handshake: Handshake
    private let logger: Logger
    private let state = Mutex(State())
    private let links: NIOLoopBound<NodeLinks>

    init(node: NodeID, leases: NodeLeases, times: ReplicationTimes, handshake: Handshake, logger: Logger) async throws {
        self.node = node
        self.leases = leases
        self.times = times
        self.handshake = handshake
        self.logger = logger
        let loop = group.next()
        links = try await loop.submit {
            let links = NodeLinks(eventLoop: loop, handshake: handshake, logger: logger) { $0.beaconPort }
            return NIOLoopBound(links, eventLoop: loop)
        }.get()
    }

    /// Listens for beacons, and begins to send them.
    func start(host: String, port: Int) async throws -> any Channel {
        let channel = try await FrameListener.bind(
            group: group,
            host: host,
            port: port,
            handshake: handshake,
            logger: logger
        ) { [unowned self] request, responder in
            responder.respond(self.answer(request).encoded())
        }
        let interval = TimeAmount.microseconds(Int64(times.beacon))
        group.next().scheduleRepeatedTask(initialDelay: interval, delay: interval) { [unowned self] _ in self.send() }
        return channel
    }

    func stop() async {
        try? await group.shutdownGracefully()
    }

    func follow(_ map: PartitionMap) {
        state.withLock { $0.map = map }
    }

    /// An event loop is alive. Any thread.
    func noteTurn(ofLoop loop: Int) {
        let now = MonotonicClock.now()
        state.withLock { $0.lastTurns[loop] = now }
    }

    /// Other leases are wanted: they are asked for at once.
    func sendSoon() {
        group.next().execute { self.send() }
    }

    private func areLoopsAlive(_ now: MonotonicTime) -> Bool {
        state.withLock { $0.lastTurns.values.allSatisfy { $0 + times.lease > now } }
    }

    private func answer(_ bytes: [UInt8]) -> NodeReply {
        let now = MonotonicClock.now()
        guard case .beacon(let received)? = try? NodeRequest(decoding: bytes), received.recipient == node,
            areLoopsAlive(now),
            let reply = leases.update({ $0.receive(received.beacon, from: received.sender, now: now) })
        else { return .noPromise }
        return .beacon(reply)
    }

    private func send() {
        guard areLoopsAlive(MonotonicClock.now()) else { return }
        let map = state.withLock { $0.map }
        if map.version > links.value.map.version { links.value.follow(map) }
        for peer in leases.table.beaconPeers {
            send(to: peer)
        }
    }

    private func send(to peer: NodeID) {
        let now = MonotonicClock.now()
        let beacon = leases.table.beacon(to: peer, now: now)
        let request = NodeRequest.beacon(NodeBeacon(sender: node, recipient: peer, beacon: beacon))
        let deadline = NIODeadline.now() + .microseconds(Int64(times.lease))
        links.value.ask(peer, request, deadline: deadline) { [unowned self] result in
            // A connection that carries nothing is not waited for: when the network is back, a new one is quicker.
            if case .failure(.outcomeUnknown) = result { self.links.value.reconnect(to: peer) }
            guard case .success(.beacon(let promise)) = result else { return }
            let now = MonotonicClock.now()
            // A session that is new covers nothing yet.
            if self.leases.update({ $0.receive(promise, from: peer, now: now) }) { self.send(to: peer) }
        }
    }
}
