internal import ClusterLinks
internal import EventLoops
internal import Foundation
package import Launch
internal import Logging
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Observability
internal import Settings
internal import Wire

/// A router: speaks RESP with front ends and our own protocol with nodes, until it is told to end.
package struct RouterService {
    private static let drainChecks = 100

    private let settings: RouterSettings
    private let process: RunningProcess

    package init(settings: RouterSettings, process: RunningProcess) {
        self.settings = settings
        self.process = process
    }

    /// Runs until the process is told to end; then answers what is under way, a few seconds at most.
    package func run() async throws {
        let totals = RouterTotals(limit: settings.connections)
        let roster = ClientRoster()
        let metrics = RouterMetrics()
        var routers: [ObjectIdentifier: NIOLoopBound<LoopRouter>] = [:]
        for loop in process.group.makeIterator() {
            let router = try await loop.submit {
                let router = LoopRouter(
                    eventLoop: loop,
                    settings: settings,
                    totals: totals,
                    roster: roster,
                    metrics: metrics,
                    ticks: process.loops.ticks,
                    logger: process.logger
                )
                router.start()
                return NIOLoopBound(router, eventLoop: loop)
            }.get()
            routers[ObjectIdentifier(loop)] = router
            roster.add(router)
        }
        _ = process.group.next().scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            totals.measureRate()
        }
        let channel = try await listen(routers, totals)
        let port = channel.localAddress?.port ?? settings.listen.port
        totals.notePort(port)
        try await process.serve(
            ports: [("PORT", port)],
            refresh: {
                totals.refreshGauges()
                roster.refreshGauges()
            },
            health: {
                Health(
                    isReady: totals.isInitialized,
                    detail: totals.isInitialized ? "" : "waiting for the partition map"
                )
            }
        )
        try? await channel.close()
        for router in routers.values {
            router.eventLoop.execute { router.value.drain() }
        }
        for _ in 0..<RouterService.drainChecks where totals.connections > 0 {
            try await Task.sleep(for: .milliseconds(50))
        }
        process.logger.notice("ended", metadata: ["connections": "\(totals.connections)"])
    }

    private func listen(
        _ routers: [ObjectIdentifier: NIOLoopBound<LoopRouter>],
        _ totals: RouterTotals
    ) async throws -> any Channel {
        let settings = self.settings
        let logger = process.logger
        return try await ServerBootstrap(group: process.group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .keepingAlive(seconds: settings.keepAliveSeconds)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 4_096, maximum: 65_536)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let id = totals.connectionBegan(), let router = routers[ObjectIdentifier(channel.eventLoop)]
                    else {
                        return try channel.pipeline.syncOperations.addHandler(ExcessConnection())
                    }
                    let session = ClientSession(
                        id: id,
                        address: channel.remoteAddress?.text ?? "",
                        isAuthenticated: settings.password.isEmpty,
                        deadlineMilliseconds: Int64(settings.deadlineMilliseconds),
                        reads: settings.reads,
                        password: settings.password,
                        defaultDeadlineMilliseconds: Int64(settings.deadlineMilliseconds),
                        defaultReads: settings.reads
                    )
                    let client = ClientConnection(router: router.value, session: session, logger: logger)
                    try channel.pipeline.syncOperations.addHandler(client)
                }
            }
            .bind(host: settings.listen.host, port: settings.listen.port).get()
    }
}

/// A connection beyond the limit: it is told so and closed.
private final class ExcessConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        let refusal = ByteBuffer(string: "-ERR max number of clients reached\r\n")
        context.writeAndFlush(wrapOutboundOut(refusal)).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }
}
