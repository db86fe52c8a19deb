package import Logging
package import NIOCore
internal import NIOPosix

/// Answers one request; may be called once, from any thread.
package struct FrameResponder: Sendable {
    private let handler: NIOLoopBound<FrameServerHandler>
    private let id: UInt64

    init(handler: NIOLoopBound<FrameServerHandler>, id: UInt64) {
        self.handler = handler
        self.id = id
    }

    /// - Parameter isAwaited: whether the peer cannot go on without it. Otherwise it may wait for other replies, some 20 ms at most: a
    ///   packet wakes two threads.
    package func respond(_ payload: [UInt8], isAwaited: Bool = true) {
        if handler.eventLoop.inEventLoop {
            handler.value.reply(id: id, payload, isAwaited: isAwaited)
        } else {
            handler.eventLoop.execute { handler.value.reply(id: id, payload, isAwaited: isAwaited) }
        }
    }
}

/// The serving side of our protocol: checks the handshake, hands requests to a service, writes replies in the order
/// they are ready, many to a flush. Takes no more requests while many are under way or much of what was answered is unread: the
/// connection is one for all clients of a router, and is not closed for what one of them asks.
package final class FrameServerHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer
    /// Called on the connection's event loop.
    package typealias Service = @Sendable (_ request: [UInt8], _ responder: FrameResponder) -> Void

    /// Requests of one connection that may be under way; more are left in the socket.
    private static let largestInFlight = 65_536
    /// No more requests are taken while the peer has so much to read.
    private static let largestUnreadBytes = 8 << 20
    private static let largestWrite = 1 << 20
    /// How long a connection may take to say who it is.
    private static let greetingDeadline = TimeAmount.seconds(5)
    /// How long a reply that the peer does not wait for waits for others.
    private static let patienceWithReplies = TimeAmount.milliseconds(20)

    private let handshake: Handshake
    private let service: Service
    private let logger: Logger
    private var decoder = FrameDecoder()
    private var input = ByteBuffer()
    private var context: ChannelHandlerContext?
    private var output = ByteBuffer()
    /// What was given to the connection and it has not given to the operating system.
    private var unwrittenBytes = 0
    private var isFlushScheduled = false
    private var isLateFlushScheduled = false
    private var isWelcome = false
    private var greetingTimer: Scheduled<Void>?
    private var inFlight = 0
    private var isReadWithheld = false
    private var isTaking = false
    private var isClosing = false

    package init(handshake: Handshake, logger: Logger, service: @escaping Service) {
        self.handshake = handshake
        self.logger = logger
        self.service = service
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        greetingTimer = context.eventLoop.assumeIsolated().scheduleTask(in: FrameServerHandler.greetingDeadline) {
            guard let context = self.context, !self.isWelcome else { return }
            self.refuse(FrameError.handshake("no greeting in time"), context: context)
        }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        greetingTimer?.cancel()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeBuffer(&bytes)
        }
        takeRequests(context)
    }

    private var hasRoom: Bool {
        !isClosing && inFlight < FrameServerHandler.largestInFlight
            && output.readableBytes + unwrittenBytes < FrameServerHandler.largestUnreadBytes
    }

    /// Takes the requests that have arrived, as far as there is room. A service may answer while it is asked.
    private func takeRequests(_ context: ChannelHandlerContext) {
        guard !isTaking else { return }
        isTaking = true
        defer { isTaking = false }
        do {
            while hasRoom, let frame = try decoder.decode(buffer: &input) {
                try receive(frame, context: context)
            }
        } catch {
            return refuse(error, context: context)
        }
        if input.readableBytes == 0 || isClosing {
            input = ByteBuffer()
        } else {
            input.discardReadBytes()
        }
    }

    /// Goes on where there was no room.
    private func goOn() {
        guard let context, hasRoom else { return }
        takeRequests(context)
        guard isReadWithheld, hasRoom else { return }
        isReadWithheld = false
        context.read()
    }

    package func read(context: ChannelHandlerContext) {
        if hasRoom {
            context.read()
        } else {
            isReadWithheld = true
        }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("connection failed", metadata: ["error": "\(error)"])
        close(context)
    }

    private func close(_ context: ChannelHandlerContext) {
        isClosing = true
        context.close(promise: nil)
    }

    private func receive(_ frame: Frame, context: ChannelHandlerContext) throws {
        switch (frame.kind, isWelcome) {
        case (.hello, false):
            let name = try Handshake.check(frame.payload, secret: handshake.secret)
            isWelcome = true
            logger.debug("connection accepted", metadata: ["peer": "\(name)"])
            enqueue(Frame(kind: .welcome, id: 0, payload: handshake.payload()))
        case (.request, true):
            inFlight += 1
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            service(frame.payload, FrameResponder(handler: bound, id: frame.id))
        default:
            throw FrameError.handshake("unexpected \(frame.kind) frame")
        }
    }

    private func refuse(_ error: any Error, context: ChannelHandlerContext) {
        logger.warning("connection refused", metadata: ["error": "\(error)"])
        var buffer = context.channel.allocator.buffer(capacity: 128)
        Frame(kind: .goodbye, id: 0, payload: Array("\(error)".utf8)).write(to: &buffer)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        close(context)
    }

    fileprivate func reply(id: UInt64, _ payload: [UInt8], isAwaited: Bool) {
        inFlight -= 1
        enqueue(Frame(kind: .reply, id: id, payload: payload), isAwaited: isAwaited)
        // Half of them first: what waits is taken in some number at a time.
        if inFlight == FrameServerHandler.largestInFlight / 2 { goOn() }
    }

    private func enqueue(_ frame: Frame, isAwaited: Bool = true) {
        guard let context, !isClosing else { return }
        frame.write(to: &output)
        if output.readableBytes >= FrameServerHandler.largestWrite { return write(context) }
        guard !isFlushScheduled else { return }
        if isAwaited {
            isFlushScheduled = true
            context.eventLoop.assumeIsolated().execute { self.flush() }
        } else if !isLateFlushScheduled {
            isLateFlushScheduled = true
            context.eventLoop.assumeIsolated().scheduleTask(in: FrameServerHandler.patienceWithReplies) {
                self.isLateFlushScheduled = false
                self.flush()
            }
        }
    }

    private func flush() {
        isFlushScheduled = false
        guard let context, output.readableBytes > 0 else { return }
        write(context)
    }

    private func write(_ context: ChannelHandlerContext) {
        let buffer = output
        output = context.channel.allocator.buffer(capacity: 4096)
        let size = buffer.readableBytes
        unwrittenBytes += size
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in
            self.unwrittenBytes -= size
            self.goOn()
        }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }
}

/// Listens for our protocol.
package enum FrameListener {
    /// Processes that are well speak with each other far more often.
    private static let keepAliveSeconds = 60

    /// - Parameter port: 0 picks a free one.
    package static func bind(
        group: any EventLoopGroup,
        host: String,
        port: Int,
        handshake: Handshake,
        logger: Logger,
        service: @escaping FrameServerHandler.Service
    ) async throws -> any Channel {
        if handshake.secret.isEmpty, !["127.0.0.1", "::1", "localhost"].contains(host) {
            logger.warning(
                "whoever reaches this port may read and write everything: no cluster.secret is set",
                metadata: ["host": "\(host)", "port": "\(port)"]
            )
        }
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .keepingAlive(seconds: FrameListener.keepAliveSeconds)
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 16_384, maximum: 262_144)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = FrameServerHandler(handshake: handshake, logger: logger, service: service)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .bind(host: host, port: port).get()
    }
}
