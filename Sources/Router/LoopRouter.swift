internal import ClusterLinks
internal import EventLoops
internal import Launch
internal import Logging
internal import Metrics
internal import Model
internal import NIOCore
internal import Placement
internal import Wire

/// The router on one event loop: its clients, its connections to nodes, its copy of the map. Confined to its loop.
final class LoopRouter {
    /// How long clients that have sent much hold the loop before it looks for others' input: long enough that many of them are
    /// worked off as fast as without that.
    private static let longestTurns = TimeAmount.milliseconds(10)

    private let eventLoop: any EventLoop
    let settings: RouterSettings
    let runner: PlanRunner
    /// What clients have sent beyond what is taken of one at a time.
    let loopTurns: LoopTurns
    let roster: ClientRoster
    private let totals: RouterTotals
    private let metrics: RouterMetrics
    private let logger: Logger
    private let follower: MapFollower
    private var clients: [UInt64: ClientConnection] = [:]
    /// What all of them hold in memory.
    private var heldBytes = 0
    private var isMakingRoom = false

    init(
        eventLoop: any EventLoop,
        settings: RouterSettings,
        totals: RouterTotals,
        roster: ClientRoster,
        metrics: RouterMetrics,
        ticks: LoopTicks,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        loopTurns = LoopTurns(eventLoop: eventLoop, longest: LoopRouter.longestTurns) { ticks.count(of: eventLoop) }
        self.settings = settings
        self.roster = roster
        self.totals = totals
        self.metrics = metrics
        self.logger = logger
        let handshake = Handshake(secret: settings.process.secret, name: "router")
        let runner = PlanRunner(
            eventLoop: eventLoop,
            links: NodeLinks(
                eventLoop: eventLoop,
                handshake: handshake,
                logger: logger,
                rest: .requestsFail
            ),
            coordinator: CoordinatorClient(
                eventLoop: eventLoop,
                coordinator: settings.coordinator,
                handshake: handshake,
                logger: logger
            ),
            limit: settings.inFlight,
            userLimit: settings.userInFlight,
            target: .milliseconds(Int64(settings.latencyMilliseconds))
        )
        self.runner = runner
        let mapClient = CoordinatorClient(
            eventLoop: eventLoop,
            coordinator: settings.coordinator,
            handshake: handshake,
            logger: logger
        )
        follower = MapFollower(eventLoop: eventLoop, coordinator: mapClient, logger: logger) { map in
            runner.follow(map)
            totals.noteMap(isInitialized: map.layout != nil)
        }
    }

    func start() {
        follower.start()
    }

    func context() -> CommandContext {
        CommandContext(layout: runner.map.layout, totals: totals)
    }

    func add(_ client: ClientConnection, id: UInt64) {
        clients[id] = client
    }

    func remove(_ id: UInt64) {
        if clients.removeValue(forKey: id) != nil { totals.connectionEnded() }
    }

    /// - Parameter bytes: how much more of the router's memory a client holds than before.
    func note(held bytes: Int) {
        heldBytes += bytes
        guard heldBytes > settings.clientsBytes, !isMakingRoom else { return }
        isMakingRoom = true
        // Not within what the client is doing.
        eventLoop.assumeIsolated().execute { self.makeRoom() }
    }

    private func makeRoom() {
        isMakingRoom = false
        while heldBytes > settings.clientsBytes,
            let largest = clients.values.max(by: { $0.heldBytes < $1.heldBytes }), largest.heldBytes > 0
        {
            totals.clientEvicted()
            largest.evict()
        }
    }

    /// The clients that a filter names.
    func clients(_ filter: ClientFilter) -> [ClientDescription] {
        candidates(filter).map(\.value.description).filter(filter.matches)
    }

    /// Who is named by id is not looked for among all.
    private func candidates(_ filter: ClientFilter) -> [UInt64: ClientConnection] {
        guard let ids = filter.ids, ids.count < clients.count else { return clients }
        return ids.reduce(into: [:]) { $0[$1] = clients[$1] }
    }

    /// Closes the clients that a filter names; the one that asked for it gets its answer first.
    ///
    /// - Returns: how many there were.
    func kill(_ filter: ClientFilter, by killer: UInt64) -> Int {
        let found = candidates(filter).filter { filter.matches($0.value.description) }
        for (id, client) in found {
            id == killer ? client.drain() : client.kill()
        }
        return found.count
    }

    func refreshGauges() {
        Gauge(label: "router.commands.waiting").record(Int64(runner.turns.underWay))
        Gauge(label: "router.commands.held").record(Int64(runner.turns.held))
        for (node, limit) in runner.limits {
            Gauge(label: "router.node.limit", dimensions: [("node", "\(node)")]).record(Int64(limit))
        }
    }

    func drain() {
        for client in clients.values {
            client.drain()
        }
    }

    func note(_ command: String, began: NIODeadline, _ value: RESPValue) {
        let time = NIODeadline.now() - began
        var error: String?
        if case .error(let text) = value { error = text }
        totals.commandProcessed()
        totals.statistics.noteAnswer(command, nanoseconds: time.nanoseconds, error: error)
        metrics.note(command, nanoseconds: time.nanoseconds, isRefused: error != nil)
        if time > .milliseconds(Int64(settings.slowMilliseconds)) {
            logger.warning(
                "slow command",
                metadata: ["command": "\(command)", "milliseconds": "\(time.nanoseconds / 1_000_000)"]
            )
        }
    }

    func noteUnknown(_ error: String) {
        totals.statistics.noteUnknown(error: error)
    }

    func noteRefused(_ command: String, _ error: String) {
        totals.commandProcessed()
        totals.statistics.noteRejected(command, error: error)
        metrics.note(command, nanoseconds: 0, isRefused: true)
    }
}
