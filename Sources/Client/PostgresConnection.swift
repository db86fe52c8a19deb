internal import DequeModule
package import NIOCore
internal import NIOPosix

/// A pipelining connection to PostgreSQL, for the opponent of the benchmarks: prepared statements with binary
/// parameters and results, each execution a transaction of its own. Confined to its event loop.
///
/// The protocol is version 3.0 (PostgreSQL 15 documentation, chapter 55). Our own and not libpq, which everybody who
/// builds the command-line tool would need.
package final class PostgresConnection {
    package typealias Rows = [[ByteBuffer?]]
    package typealias Completion = (Result<Rows, ClientError>) -> Void

    package enum Parameter {
        case integer(Int64)
        case text(String)
        case integers([Int64])
    }

    private struct Waiting {
        var rows: Rows = []
        var problem: String?
        let completion: Completion
    }

    private let channel: any Channel
    private var waiting: Deque<Waiting> = []
    private var output: ByteBuffer
    private var isFlushScheduled = false
    private var failure: ClientError?

    fileprivate init(channel: any Channel) {
        self.channel = channel
        output = channel.allocator.buffer(capacity: 16_384)
    }

    /// Connects as a user whom the server trusts; the result is to be used on `eventLoop` only.
    package static func connect(
        host: String,
        port: Int,
        user: String,
        database: String,
        on eventLoop: any EventLoop
    ) async throws -> NIOLoopBound<PostgresConnection> {
        let bound = try await ClientBootstrap(group: eventLoop)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port)
            .flatMapThrowing { channel in
                let connection = PostgresConnection(channel: channel)
                try channel.pipeline.syncOperations.addHandler(PostgresHandler(connection))
                return NIOLoopBound(connection, eventLoop: eventLoop)
            }
            .get()
        _ = try await bound.rows { connection, completion in
            connection.startUp(user: user, database: database, completion)
        }
        return bound
    }

    private func startUp(user: String, database: String, _ completion: @escaping Completion) {
        waiting.append(Waiting(completion: completion))
        var body = ByteBuffer(integer: UInt32(3 << 16))
        for text in ["user", user, "database", database, ""] {
            body.writeNullTerminatedString(text)
        }
        output.writeInteger(UInt32(body.readableBytes + 4))
        output.writeBuffer(&body)
        scheduleFlush()
    }

    /// Prepares a statement under a name.
    package func prepare(_ name: String, _ statement: String, _ completion: @escaping Completion) {
        request(completion) { output in
            output.writeMessage("P") { body in
                body.writeNullTerminatedString(name)
                body.writeNullTerminatedString(statement)
                body.writeInteger(UInt16(0))
            }
        }
    }

    /// Runs a statement of text, for what is done once.
    package func query(_ statement: String, _ completion: @escaping Completion) {
        if let failure { return completion(.failure(failure)) }
        waiting.append(Waiting(completion: completion))
        output.writeMessage("Q") { $0.writeNullTerminatedString(statement) }
        scheduleFlush()
    }

    /// Executes a prepared statement. `completion` is called once, on the loop.
    package func execute(_ name: String, _ parameters: [Parameter], _ completion: @escaping Completion) {
        request(completion) { output in
            output.writeMessage("B") { body in
                body.writeNullTerminatedString("")
                body.writeNullTerminatedString(name)
                body.writeInteger(UInt16(1))
                body.writeInteger(UInt16(1))
                body.writeInteger(UInt16(parameters.count))
                for parameter in parameters { body.write(parameter) }
                body.writeInteger(UInt16(1))
                body.writeInteger(UInt16(1))
            }
            output.writeMessage("E") { body in
                body.writeNullTerminatedString("")
                body.writeInteger(UInt32(0))
            }
        }
    }

    private func request(_ completion: @escaping Completion, _ write: (inout ByteBuffer) -> Void) {
        if let failure { return completion(.failure(failure)) }
        waiting.append(Waiting(completion: completion))
        write(&output)
        output.writeMessage("S") { _ in }
        scheduleFlush()
    }

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        channel.eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            let buffer = self.output
            self.output = self.channel.allocator.buffer(capacity: 16_384)
            self.channel.writeAndFlush(buffer, promise: nil)
        }
    }

    // MARK: Answers

    fileprivate func received(_ message: PostgresMessage) {
        var body = message.body
        switch message.kind {
        case "R":
            if body.readInteger(as: UInt32.self) != 0 { failed(.disconnected("the server asks for a password")) }
        case "D":
            guard !waiting.isEmpty, let row = PostgresConnection.row(&body) else { return }
            waiting[0].rows.append(row)
        case "E":
            let problem = PostgresConnection.problem(&body)
            if waiting.isEmpty { return failed(.disconnected(problem)) }
            waiting[0].problem = problem
        case "Z":
            guard let done = waiting.popFirst() else { return }
            done.completion(done.problem.map { .failure(.refused($0)) } ?? .success(done.rows))
        default: break
        }
    }

    private static func row(_ body: inout ByteBuffer) -> [ByteBuffer?]? {
        guard let count = body.readInteger(as: UInt16.self) else { return nil }
        var row: [ByteBuffer?] = []
        for _ in 0..<count {
            guard let length = body.readInteger(as: Int32.self) else { return nil }
            row.append(length < 0 ? nil : body.readSlice(length: Int(length)))
        }
        return row
    }

    private static func problem(_ body: inout ByteBuffer) -> String {
        var problem = "error"
        while let field = body.readInteger(as: UInt8.self), field != 0, let text = body.readNullTerminatedString() {
            if field == UInt8(ascii: "M") { problem = text }
        }
        return problem
    }

    fileprivate func failed(_ error: ClientError) {
        guard failure == nil else { return }
        failure = error
        let abandoned = waiting
        waiting = []
        for one in abandoned { one.completion(.failure(error)) }
        channel.close(promise: nil)
    }
}

/// One message of the server.
struct PostgresMessage {
    let kind: Character
    let body: ByteBuffer
}

/// Cuts a stream of bytes into messages.
struct PostgresMessageDecoder: NIOSingleStepByteToMessageDecoder {
    typealias InboundOut = PostgresMessage

    private static let largestLength = 64 << 20

    mutating func decode(buffer: inout ByteBuffer) throws -> PostgresMessage? {
        guard let length = buffer.getInteger(at: buffer.readerIndex + 1, as: UInt32.self) else { return nil }
        guard length >= 4, length <= PostgresMessageDecoder.largestLength else {
            throw ClientError.protocolViolation("a message of \(length) bytes")
        }
        guard buffer.readableBytes > Int(length), let kind = buffer.readInteger(as: UInt8.self) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        guard let body = buffer.readSlice(length: Int(length) - 4) else { return nil }
        return PostgresMessage(kind: Character(UnicodeScalar(kind)), body: body)
    }

    mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> PostgresMessage? {
        try decode(buffer: &buffer)
    }
}

/// The NIO side of a connection.
private final class PostgresHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: PostgresConnection
    private var processor = NIOSingleStepByteToMessageProcessor(PostgresMessageDecoder())

    init(_ connection: PostgresConnection) {
        self.connection = connection
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try processor.process(buffer: unwrapInboundIn(data)) { connection.received($0) }
        } catch {
            connection.failed((error as? ClientError) ?? .disconnected("\(error)"))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.failed(.disconnected("closed by the server"))
    }
}

extension ByteBuffer {
    fileprivate mutating func writeMessage(_ kind: Character, _ body: (inout ByteBuffer) -> Void) {
        writeInteger(kind.asciiValue ?? 0)
        let start = writerIndex
        writeInteger(UInt32(0))
        body(&self)
        setInteger(UInt32(writerIndex - start), at: start)
    }

    fileprivate mutating func write(_ parameter: PostgresConnection.Parameter) {
        switch parameter {
        case .integer(let value):
            writeInteger(UInt32(8))
            writeInteger(value)
        case .text(let text):
            writeInteger(UInt32(text.utf8.count))
            writeString(text)
        case .integers(let values):
            writeInteger(UInt32(20 + 12 * values.count))
            // One dimension, no nulls, of int8 (oid 20), counted from 1.
            for word in [1, 0, 20, UInt32(values.count), 1] { writeInteger(word) }
            for value in values {
                writeInteger(UInt32(8))
                writeInteger(value)
            }
        }
    }
}

extension NIOLoopBound<PostgresConnection> {
    /// Begins something on the connection and waits for its rows. From any thread.
    package func rows(
        _ begin: @escaping @Sendable (PostgresConnection, @escaping PostgresConnection.Completion) -> Void
    ) async throws -> PostgresConnection.Rows {
        let promise = eventLoop.makePromise(of: PostgresConnection.Rows.self)
        eventLoop.execute {
            begin(value) { promise.completeWith($0.mapError { $0 as any Error }) }
        }
        return try await promise.futureResult.get()
    }
}
