package import NIOCore
internal import NIOHTTP1
internal import NIOPosix

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

/// The admin port of every process: `/healthz`, `/readyz` and `/metrics` over HTTP/1.1.
package enum AdminServer {
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
        try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(
                        AdminHandler(registry: registry, refresh: refresh, health: health)
                    )
                }
            }
            .bind(host: host, port: port).get()
    }
}

private final class AdminHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let registry: PrometheusRegistry
    private let refresh: @Sendable () -> Void
    private let health: @Sendable () -> Health
    private var request: HTTPRequestHead?

    init(
        registry: PrometheusRegistry,
        refresh: @escaping @Sendable () -> Void,
        health: @escaping @Sendable () -> Health
    ) {
        self.registry = registry
        self.refresh = refresh
        self.health = health
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): request = head
        case .body: break
        case .end:
            guard let request else { return }
            self.request = nil
            let (status, type, body) = answer(to: request)
            respond(status, type, body, to: request, context: context)
        }
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
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        if !request.isKeepAlive { context.close(promise: nil) }
    }
}
