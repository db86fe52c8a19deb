internal import DequeModule
package import NIOCore
internal import NIOPosix

/// A pipelining connection to a router, for tools. Confined to its event loop.
package final class Connection {
    package typealias Completion = (Result<Reply, ClientError>) -> Void

    private struct Waiting {
        var left: Int
        let completion: Completion
    }

    package let eventLoop: any EventLoop
    private let channel: any Channel
    private var waiting: Deque<Waiting> = []
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

    /// Sends a command. `completion` is called once, on the loop.
    package func send(_ words: [String], completion: @escaping Completion) {
        write(replies: 1, completion) { Connection.encode(words, into: &$0) }
    }

    /// Sends commands that are encoded already. `completion` is called for each of their replies, on the loop; for
    /// each of them, too, where the connection is lost.
    package func write(
        replies count: Int,
        _ completion: @escaping Completion,
        encode: (inout ByteBuffer) -> Void
    ) {
        if let failure {
            for _ in 0..<count { completion(.failure(failure)) }
            return
        }
        waiting.append(Waiting(left: count, completion: completion))
        encode(&output)
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute { self.flush() }
    }

    /// A command as an array of bulk strings.
    package static func encode(_ words: [String], into buffer: inout ByteBuffer) {
        buffer.writeString("*\(words.count)\r\n")
        for word in words {
            buffer.writeString("$\(word.utf8.count)\r\n")
            buffer.writeString(word)
            buffer.writeString("\r\n")
        }
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
        guard let completion = waiting.first?.completion else { return }
        waiting[0].left -= 1
        if waiting[0].left == 0 { waiting.removeFirst() }
        completion(.success(reply))
    }

    fileprivate func failed(_ error: ClientError) {
        guard failure == nil else { return }
        failure = error
        let abandoned = waiting
        waiting = []
        for one in abandoned {
            for _ in 0..<one.left { one.completion(.failure(error)) }
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
