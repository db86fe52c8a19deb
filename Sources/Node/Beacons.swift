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
    private let links: NIOLoopBound<BeaconLinks>

    init(node: NodeID, leases: NodeLeases, times: ReplicationTimes, handshake: Handshake, logger: Logger) async throws {
        self.node = node
        self.leases = leases
        self.times = times
        self.handshake = handshake
        self.logger = logger
        let loop = group.next()
        links = try await loop.submit {
            NIOLoopBound(BeaconLinks(eventLoop: loop, handshake: handshake, logger: logger), eventLoop: loop)
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
        links.value.follow(map)
        for peer in leases.table.beaconPeers {
            send(to: peer)
        }
    }

    private func send(to peer: NodeID) {
        let now = MonotonicClock.now()
        let beacon = leases.table.beacon(to: peer, now: now)
        let request = NodeRequest.beacon(NodeBeacon(sender: node, recipient: peer, beacon: beacon))
        let patience = TimeAmount.microseconds(Int64(times.lease))
        links.value.ask(peer, request, within: patience) { [unowned self] reply in
            guard case .beacon(let promise) = reply else { return }
            let now = MonotonicClock.now()
            let isNewSession = self.leases.update { table in
                table.receive(promise, from: peer, now: now)
                return promise.session != beacon.session
            }
            // So that it covers something soon.
            if isNewSession { self.send(to: peer) }
        }
    }
}

/// Connections to other nodes' ports for beacons. Confined to its event loop.
private final class BeaconLinks {
    private let eventLoop: any EventLoop
    private let handshake: Handshake
    private let logger: Logger
    private var map = PartitionMap()
    private var clients: [NodeID: (member: Member, client: FrameClient)] = [:]

    init(eventLoop: any EventLoop, handshake: Handshake, logger: Logger) {
        self.eventLoop = eventLoop
        self.handshake = handshake
        self.logger = logger
    }

    func follow(_ map: PartitionMap) {
        guard map.version > self.map.version else { return }
        self.map = map
        for (node, (member, client)) in clients where map.member(node) != member {
            client.close()
            clients[node] = nil
        }
    }

    /// - Parameter completion: is given nil where no answer came.
    func ask(
        _ node: NodeID,
        _ request: NodeRequest,
        within patience: TimeAmount,
        completion: @escaping (NodeReply?) -> Void
    ) {
        guard let client = client(of: node) else { return completion(nil) }
        client.request(request.encoded(), deadline: .now() + patience) { result in
            guard case .success(let bytes) = result else {
                // A connection that carries nothing is not waited for: when the network is back, a new one is quicker.
                if case .failure(.outcomeUnknown) = result { client.dropConnection() }
                return completion(nil)
            }
            completion(try? NodeReply(decoding: bytes))
        }
    }

    private func client(of node: NodeID) -> FrameClient? {
        if let (_, client) = clients[node] { return client }
        guard let member = map.member(node) else { return nil }
        let client = FrameClient(
            eventLoop: eventLoop,
            host: member.host,
            port: member.beaconPort,
            handshake: handshake,
            logger: logger
        )
        clients[node] = (member, client)
        return client
    }
}
