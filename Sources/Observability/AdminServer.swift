package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// How a process does, as `/readyz` and `/healthz` tell.
package struct Health: Sendable {
    /// Whether the process works at all; if not, restart it.
    package let isHealthy: Bool
    /// Whether it should be sent requests.
    package let isReady: Bool
    /// Why not, in words; empty where there is nothing to say.
    package let detail: String

    package init(isHealthy: Bool = true, isReady: Bool, detail: String = "") {
        self.isHealthy = isHealthy
        self.isReady = isReady
        self.detail = detail
    }
}

/// The admin port of every process: `/healthz`, `/readyz` and `/metrics` over HTTP/1.1. Who asks and does not read, or is silent for a
/// minute, is closed, and so is who comes when there are many already.
package enum AdminServer {
    private static let largestConnections = 64
    private static let longestSilence = TimeAmount.seconds(60)
    /// Answers that a connection has not read.
    private static let largestUnreadBytes = 4 << 20

    /// - Parameters:
    ///   - refresh: called before each scrape, to bring gauges up to date.
    ///   - health: called for each health request.
    package static func bind(
        group: any EventLoopGroup,
        host: String,
        port: Int,
        registry: PrometheusRegistry,
        refresh: @escaping @Sendable () -> Void = {},
        health: @escaping @Sendable () -> Health
    ) async throws -> any Channel {
        let connections = ConnectionCount(limit: largestConnections)
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(low: largestUnreadBytes / 2, high: largestUnreadBytes)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(IdleStateHandler(allTimeout: longestSilence))
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        AdminHandler(
                            registry: registry,
                            connections: connections,
                            refresh: refresh,
                            health: health
                        )
                    )
                }
            }
            .bind(host: host, port: port).get()
    }
}

/// How many connections there are. Any thread.
private final class ConnectionCount: Sendable {
    private let limit: Int
    private let count = Atomic(0)

    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: whether there is room for one more, which is counted then.
    func enter() -> Bool {
        guard count.add(1, ordering: .relaxed).newValue > limit else { return true }
        leave()
        return false
    }

    func leave() { count.subtract(1, ordering: .relaxed) }
}

private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let registry: PrometheusRegistry
    private let connections: ConnectionCount
    private var isCounted = false
    private let refresh: @Sendable () -> Void
    private let health: @Sendable () -> Health
    private var request: HTTPRequestHead?

    init(
        registry: PrometheusRegistry,
        connections: ConnectionCount,
        refresh: @escaping @Sendable () -> Void,
        health: @escaping @Sendable () -> Health
    ) {
        self.registry = registry
        self.connections = connections
        self.refresh = refresh
        self.health = health
    }

    func channelActive(context: ChannelHandlerContext) {
        isCounted = connections.enter()
        if !isCounted { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isCounted { connections.leave() }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = head
        case .body: break
        case .end:
            guard let request else { return }
            self.request = nil
            guard context.channel.isWritable else { return context.close(promise: nil) }
            let (status, type, body) = answer(to: request)
            respond(status, type, body, to: request, context: context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(to request: HTTPRequestHead) -> (HTTPResponseStatus, String, String) {
        let plain = "text/plain; charset=utf-8"
        guard request.method == .GET else { return (.methodNotAllowed, plain, "only GET\n") }
        switch request.uri.prefix(while: { $0 != "?" }) {
        case "/metrics":
            refresh()
            return (.ok, "text/plain; version=0.0.4; charset=utf-8", registry.text())
        case "/healthz":
            let health = health()
            return health.isHealthy
                ? (.ok, plain, "ok\n") : (.serviceUnavailable, plain, health.detail + "\n")
        case "/readyz":
            let health = health()
            return health.isReady
                ? (.ok, plain, "ready\n") : (.serviceUnavailable, plain, "not ready: \(health.detail)\n")
        default:
            return (.notFound, plain, "try /healthz, /readyz or /metrics\n")
        }
    }

    private func respond(
        _ status: HTTPResponseStatus,
        _ type: String,
        _ body: String,
        to request: HTTPRequestHead,
        context: ChannelHandlerContext
    ) {
        let headers = HTTPHeaders([
            ("content-type", type), ("content-length", String(body.utf8.count)),
            ("connection", request.isKeepAlive ? "keep-alive" : "close"),
        ])
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))),
            promise: nil
        )
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        guard !request.isKeepAlive else { return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
        // Not before it is written.
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in context.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: promise)
    }
}
