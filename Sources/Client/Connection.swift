internal import DequeModule
package import NIOCore
internal import NIOPosix

/// A pipelining connection to a router, for tools. Confined to its event loop.
package final class Connection {
    package typealias Completion = (Result<Reply, ClientError>) -> Void

    package let eventLoop: any EventLoop
    private let channel: any Channel
    private var waiting: Deque<Completion> = []
    private var output: ByteBuffer
    private var isFlushScheduled = false
    private var failure: ClientError?

    fileprivate init(channel: any Channel) {
        self.channel = channel
        eventLoop = channel.eventLoop
        output = channel.allocator.buffer(capacity: 16_384)
    }

    /// Connects; the result is to be used on `eventLoop` only.
    package static func connect(
        host: String,
        port: Int,
        on eventLoop: any EventLoop
    ) async throws -> NIOLoopBound<Connection> {
        try await ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(5))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(minimum: 1_024, initial: 65_536, maximum: 1 << 20)
            )
            .connect(host: host, port: port)
            .flatMapThrowing { channel in
                let connection = Connection(channel: channel)
                try channel.pipeline.syncOperations.addHandler(ConnectionHandler(connection))
                return NIOLoopBound(connection, eventLoop: eventLoop)
            }
            .get()
    }

    /// Commands without a reply yet.
    package var waitingCount: Int { waiting.count }

    /// Sends a command. `completion` is called once, on the loop.
    package func send(_ words: [String], completion: @escaping Completion) {
        if let failure { return completion(.failure(failure)) }
        waiting.append(completion)
        output.writeString("*\(words.count)\r\n")
        for word in words {
            output.writeString("$\(word.utf8.count)\r\n")
            output.writeString(word)
            output.writeString("\r\n")
        }
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute { self.flush() }
    }

    package func close() {
        channel.close(promise: nil)
    }

    private func flush() {
        isFlushScheduled = false
        guard output.readableBytes > 0 else { return }
        let buffer = output
        output = channel.allocator.buffer(capacity: 16_384)
        channel.writeAndFlush(buffer, promise: nil)
    }

    fileprivate func received(_ reply: Reply) {
        waiting.popFirst()?(.success(reply))
    }

    fileprivate func failed(_ error: ClientError) {
        guard failure == nil else { return }
        failure = error
        let abandoned = waiting
        waiting = []
        for completion in abandoned {
            completion(.failure(error))
        }
    }
}

/// The NIO side of a connection.
private final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: Connection
    private var processor = NIOSingleStepByteToMessageProcessor(ReplyDecoder())

    init(_ connection: Connection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try processor.process(buffer: unwrapInboundIn(data)) { connection.received($0) }
        } catch {
            connection.failed((error as? ClientError) ?? .disconnected("\(error)"))
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.failed(.disconnected("closed by the server"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.failed(.disconnected("\(error)"))
        context.close(promise: nil)
    }
}

extension NIOLoopBound<Connection> {
    /// Sends a command and waits for its reply. From any thread.
    package func ask(_ words: [String]) async throws -> Reply {
        let promise = eventLoop.makePromise(of: Reply.self)
        eventLoop.execute {
            value.send(words) { promise.completeWith($0.mapError { $0 as any Error }) }
        }
        return try await promise.futureResult.get()
    }
}
