package import Logging
package import NIOCore
internal import NIOPosix

/// Why a request got no reply.
package enum FrameFailure: Error, Equatable, Sendable {
    /// The request never left: the other side has done nothing. Retry, there or elsewhere.
    case notSent(String)
    /// The request left and the connection or the time was lost: whether it took effect is unknown.
    case outcomeUnknown(String)
    /// Too many requests are waiting for this peer. Retry with nextRest.
    case busy
}

/// One connection to another process, made when there is something to send: multiplexes requests, coalesces flushes, gives
/// up on requests at their deadlines. After an attempt that failed, and a connection that was lost, it rests for a jittered
/// time that grows.
///
/// Confined to its event loop.
package final class FrameClient {
    package typealias Completion = (Result<[UInt8], FrameFailure>) -> Void

    /// What becomes of requests while the client rests.
    package enum Rest: Sendable {
        /// They wait for the next attempt to connect: for whoever has nobody else to ask.
        case requestsWait
        /// They fail at once as not sent: for whoever pauses, and then asks whom the newest map names.
        case requestsFail
    }

    private struct Pending {
        let deadline: NIODeadline
        let completion: Completion
    }

    private enum State {
        case idle
        case connecting
        /// Since an attempt has failed or a connection was lost, until the next attempt is due.
        case resting
        case ready(any Channel)
        case closed
    }

    /// Requests that may wait for replies.
    private static let largestPending = 131_072
    private static let largestQueuedBytes = 64 << 20
    private static let firstRest = TimeAmount.milliseconds(20)
    private static let longestRest = TimeAmount.milliseconds(250)
    private static let greetingDeadline = TimeAmount.seconds(5)
    private static let sweepInterval = TimeAmount.milliseconds(10)

    package let eventLoop: any EventLoop
    private let host: String
    private let port: Int
    private let handshake: Handshake
    private let logger: Logger
    private let rest: Rest
    private var state = State.idle
    private var pending: [UInt64: Pending] = [:]
    private var lastID: UInt64 = 0
    /// Requests that wait for the connection, or for the flush at the end of this turn of the loop.
    private var output = ByteBuffer()
    /// What was given to the connection and it has not given to the operating system.
    private var unwrittenBytes = 0
    /// The first id that has not been handed to a connection.
    private var firstUnsent: UInt64 = 1
    private var isFlushScheduled = false
    private var isSweepScheduled = false
    private var nextRest = FrameClient.firstRest

    package init(
        eventLoop: any EventLoop,
        host: String,
        port: Int,
        handshake: Handshake,
        logger: Logger,
        rest: Rest = .requestsWait
    ) {
        self.eventLoop = eventLoop
        self.host = host
        self.port = port
        self.handshake = handshake
        self.logger = logger
        self.rest = rest
    }

    /// Whether a request would fail at once because the client rests.
    package var isRefusing: Bool {
        if case .resting = state { rest == .requestsFail } else { false }
    }

    /// Sends a request. `completion` is called once, on the event loop, later than this call.
    package func request(_ payload: [UInt8], deadline: NIODeadline, completion: @escaping Completion) {
        eventLoop.assertInEventLoop()
        guard pending.count < FrameClient.largestPending,
            output.readableBytes + unwrittenBytes + payload.count < FrameClient.largestQueuedBytes
        else { return later { completion(.failure(.busy)) } }
        if case .closed = state { return later { completion(.failure(.notSent("closed"))) } }
        if isRefusing {
            return later { completion(.failure(.notSent("no connection to \(self.host):\(self.port)"))) }
        }
        lastID += 1
        pending[lastID] = Pending(deadline: deadline, completion: completion)
        Frame(kind: .request, id: lastID, payload: payload).write(to: &output)
        scheduleSweep()
        switch state {
        case .ready: scheduleFlush()
        case .idle: connect()
        case .connecting, .resting, .closed: break
        }
    }

    /// Lets fail what still waits for a connection, so that who asked may ask somebody else.
    package func giveUpUnsent() {
        switch state {
        case .connecting, .resting: discardUnsent("given up before there was a connection")
        case .idle, .ready, .closed: break
        }
    }

    /// Closes the present connection, if there is one; the next request makes another.
    package func dropConnection() {
        if case .ready(let channel) = state { channel.close(promise: nil) }
    }

    /// Closes the connection for good; what is waiting fails.
    package func close() {
        if case .ready(let channel) = state { channel.close(promise: nil) }
        state = .closed
        failPending("closed")
    }

    private func later(_ body: @escaping () -> Void) {
        eventLoop.assumeIsolated().execute(body)
    }

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        later { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard case .ready(let channel) = state, output.readableBytes > 0 else { return }
        let buffer = output
        output = channel.allocator.buffer(capacity: 4096)
        firstUnsent = lastID + 1
        let size = buffer.readableBytes
        unwrittenBytes += size
        let promise = eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.unwrittenBytes -= size }
        channel.writeAndFlush(buffer, promise: promise)
    }

    // MARK: The connection

    private func connect() {
        state = .connecting
        let (host, port) = (self.host, self.port)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(2))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 16_384, maximum: 262_144)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FrameClientHandler(client: bound.value))
                }
            }
            .connect(host: host, port: port)
            .assumeIsolated()
            .whenFailure { error in
                self.disconnected("\(error)")
            }
    }

    fileprivate func connected(_ channel: any Channel) {
        guard case .connecting = state else { return channel.close(promise: nil) }
        var buffer = channel.allocator.buffer(capacity: 128)
        Frame(kind: .hello, id: 0, payload: handshake.payload()).write(to: &buffer)
        channel.writeAndFlush(buffer, promise: nil)
        eventLoop.assumeIsolated().scheduleTask(in: FrameClient.greetingDeadline) {
            if case .ready(let ready) = self.state, ready === channel { return }
            // Whatever listens there is no process of ours, or one that hangs; or nobody needs the connection any more.
            channel.close(promise: nil)
        }
    }

    fileprivate func received(_ frame: Frame, on channel: any Channel) throws(FrameError) {
        switch frame.kind {
        case .welcome:
            _ = try Handshake.check(frame.payload, secret: handshake.secret)
            guard case .connecting = state else { return channel.close(promise: nil) }
            state = .ready(channel)
            nextRest = FrameClient.firstRest
            flush()
        case .reply:
            pending.removeValue(forKey: frame.id)?.completion(.success(frame.payload))
        case .goodbye:
            logger.error(
                "peer refuses the connection",
                metadata: ["peer": "\(host):\(port)", "why": "\(String(decoding: frame.payload, as: UTF8.self))"]
            )
        case .hello, .request:
            throw .handshake("unexpected \(frame.kind) frame")
        }
    }

    fileprivate func disconnected(_ reason: String) {
        switch state {
        case .closed, .idle, .resting: return
        case .connecting:
            logger.debug("cannot connect", metadata: ["peer": "\(host):\(port)", "error": "\(reason)"])
        case .ready:
            logger.info("connection lost", metadata: ["peer": "\(host):\(port)", "error": "\(reason)"])
        }
        state = .resting
        failPending(reason)
        let delay = TimeAmount.nanoseconds(Int64.random(in: nextRest.nanoseconds / 2...nextRest.nanoseconds))
        nextRest = min(nextRest * 2, FrameClient.longestRest)
        eventLoop.assumeIsolated().scheduleTask(in: delay) {
            guard case .resting = self.state else { return }
            if self.pending.isEmpty {
                self.state = .idle
            } else {
                self.connect()
            }
        }
    }

    /// What was not handed to the connection was not sent; of the rest nobody knows.
    private func failPending(_ reason: String) {
        let failed = pending
        pending.removeAll()
        output.clear()
        for (id, request) in failed.sorted(by: { $0.key < $1.key }) {
            request.completion(.failure(id >= firstUnsent ? .notSent(reason) : .outcomeUnknown(reason)))
        }
        firstUnsent = lastID + 1
    }

    // MARK: Deadlines

    private func scheduleSweep() {
        guard !isSweepScheduled else { return }
        isSweepScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: FrameClient.sweepInterval) { self.sweep() }
    }

    private func sweep() {
        isSweepScheduled = false
        let now = NIODeadline.now()
        for (id, request) in pending where request.deadline <= now {
            // Completing one request may have failed others meanwhile.
            guard pending.removeValue(forKey: id) != nil else { continue }
            // What waits for a connection is still in `output`, and will be sent though nobody waits for its answer.
            let isUnsent = id >= firstUnsent
            if isUnsent { discardUnsent("no connection in time") }
            request.completion(
                .failure(isUnsent ? .notSent("no connection in time") : .outcomeUnknown("no answer in time"))
            )
        }
        if !pending.isEmpty { scheduleSweep() }
    }

    /// Forgets everything that waits for a connection, so that a request reported as not sent never is.
    private func discardUnsent(_ reason: String) {
        output.clear()
        let unsent = pending.filter { $0.key >= firstUnsent }
        for id in unsent.keys {
            pending[id] = nil
        }
        for (_, request) in unsent.sorted(by: { $0.key < $1.key }) {
            request.completion(.failure(.notSent(reason)))
        }
    }
}

/// The NIO side of a client's connection.
private final class FrameClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: FrameClient
    private var processor = NIOSingleStepByteToMessageProcessor(FrameDecoder())
    private var failure = "closed by the peer"

    init(client: FrameClient) {
        self.client = client
    }

    func channelActive(context: ChannelHandlerContext) {
        client.connected(context.channel)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try processor.process(buffer: unwrapInboundIn(data)) { frame in
                try client.received(frame, on: context.channel)
            }
        } catch {
            failure = "\(error)"
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        client.disconnected(failure)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = "\(error)"
        context.close(promise: nil)
    }
}
