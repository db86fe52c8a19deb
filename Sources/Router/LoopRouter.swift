internal import ClusterLinks
internal import Launch
internal import Logging
internal import Metrics
internal import Model
internal import NIOCore
internal import Placement
internal import Wire

/// The router on one event loop: its clients, its connections to nodes, its copy of the map. Confined to its loop.
final class LoopRouter {
    let settings: RouterSettings
    let runner: PlanRunner
    private let totals: RouterTotals
    private let metrics: RouterMetrics
    private let logger: Logger
    private let follower: MapFollower
    private var clients: [UInt64: ClientConnection] = [:]

    init(
        eventLoop: any EventLoop,
        settings: RouterSettings,
        totals: RouterTotals,
        metrics: RouterMetrics,
        logger: Logger
    ) {
        self.settings = settings
        self.totals = totals
        self.metrics = metrics
        self.logger = logger
        let handshake = Handshake(secret: settings.process.secret, name: "router")
        let runner = PlanRunner(
            eventLoop: eventLoop,
            links: NodeLinks(eventLoop: eventLoop, handshake: handshake, logger: logger),
            coordinator: CoordinatorClient(
                eventLoop: eventLoop,
                coordinator: settings.coordinator,
                handshake: handshake,
                logger: logger
            ),
            limit: settings.inFlight
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

    var clientCount: Int { clients.count }
    var inFlight: Int { runner.inFlight }

    func drain() {
        for client in clients.values {
            client.drain()
        }
    }

    func note(_ command: String, began: NIODeadline, _ value: RESPValue) {
        let time = NIODeadline.now() - began
        var isRefused = false
        if case .error = value { isRefused = true }
        totals.commandProcessed()
        metrics.note(command, nanoseconds: time.nanoseconds, isRefused: isRefused)
        if time > .milliseconds(Int64(settings.slowMilliseconds)) {
            logger.warning(
                "slow command",
                metadata: ["command": "\(command)", "milliseconds": "\(time.nanoseconds / 1_000_000)"]
            )
        }
    }

    func noteRefused(_ command: String) {
        totals.commandProcessed()
        metrics.note(command, nanoseconds: 0, isRefused: true)
    }
}
