package import Client
package import Histogram
package import NIOCore

/// What a stream of commands came to.
package struct StreamResult: Sendable {
    package var commands = 0
    package var seconds = 0.0
    /// The first errors, at most a few.
    package var errors: [String] = []
    package var errorCount = 0
    /// In microseconds: from when each command was due, so that a stall counts for everything it delays.
    package var latency = Histogram<UInt32>(highestTrackableValue: 120_000_000, numberOfSignificantValueDigits: .three)

    package var rate: Double { seconds > 0 ? Double(commands) / seconds : 0 }

    package func milliseconds(_ percentile: Double) -> Double { Double(latency.valueAtPercentile(percentile)) / 1_000 }
}

/// Sends numbered commands over a few connections of one event loop, either so many at a time (closed loop, for
/// throughput) or at a fixed rate whatever the answers do (open loop, for latency).
package final class CommandStream: Sendable {
    package typealias Make = @Sendable (Int) -> [String]
    /// Looks at a reply; returns what is wrong with it.
    package typealias Check = @Sendable (Int, Reply) -> String?

    private let connections: [NIOLoopBound<Connection>]
    private let loop: any EventLoop

    package init(connections: [NIOLoopBound<Connection>], loop: any EventLoop) {
        self.connections = connections
        self.loop = loop
    }

    /// Connects to a router.
    package static func connect(
        host: String,
        port: Int,
        password: String?,
        connections count: Int,
        loop: any EventLoop
    ) async throws -> CommandStream {
        var connections: [NIOLoopBound<Connection>] = []
        for _ in 0..<count {
            let connection = try await Connection.connect(host: host, port: port, on: loop)
            if let password, case .error(let text) = try await connection.ask(["AUTH", password]) {
                throw ClientError.disconnected(text)
            }
            connections.append(connection)
        }
        return CommandStream(connections: connections, loop: loop)
    }

    /// One command and its reply.
    package func ask(_ words: [String]) async throws -> Reply {
        guard let connection = connections.first else { throw ClientError.disconnected("no connection") }
        return try await connection.ask(words)
    }

    /// Keeps `window` commands under way until `count` are answered.
    ///
    /// - Parameter lane: commands of one lane go over one connection, so that they take effect in their order.
    package func closed(
        count: Int,
        window: Int,
        lane: @escaping @Sendable (Int) -> UInt64 = { UInt64($0) },
        make: @escaping Make,
        check: @escaping Check = CommandStream.refuseErrors
    ) async throws -> StreamResult {
        try await run { connections, promise in
            ClosedRun(connections, count, window, lane, make, check, promise).start()
        }
    }

    /// Sends `rate` commands a second for so many seconds.
    package func open(
        rate: Double,
        seconds: Double,
        make: @escaping Make,
        check: @escaping Check = CommandStream.refuseErrors
    ) async throws -> StreamResult {
        try await run { connections, promise in
            OpenRun(connections, rate, Int(rate * seconds), make, check, promise).start()
        }
    }

    package static let refuseErrors: Check = { _, reply in
        if case .error(let text) = reply { text } else { nil }
    }

    private func run(
        _ body: @escaping @Sendable ([Connection], EventLoopPromise<StreamResult>) -> Void
    ) async throws -> StreamResult {
        let promise = loop.makePromise(of: StreamResult.self)
        let connections = self.connections
        loop.execute { body(connections.map(\.value), promise) }
        return try await promise.futureResult.get()
    }
}

/// What both kinds of run do with replies. Confined to the loop.
private class Run {
    let connections: [Connection]
    let make: CommandStream.Make
    let check: CommandStream.Check
    let promise: EventLoopPromise<StreamResult>
    let began = NIODeadline.now()
    var result = StreamResult()

    init(
        _ connections: [Connection],
        _ make: @escaping CommandStream.Make,
        _ check: @escaping CommandStream.Check,
        _ promise: EventLoopPromise<StreamResult>
    ) {
        self.connections = connections
        self.make = make
        self.check = check
        self.promise = promise
    }

    func send(_ number: Int, on lane: UInt64, due: NIODeadline, _ answered: @escaping () -> Void) {
        connections[Int(lane % UInt64(connections.count))].send(make(number)) { reply in
            self.result.commands += 1
            let time = (NIODeadline.now() - due).nanoseconds / 1_000
            _ = self.result.latency.record(UInt64(max(1, min(time, 119_000_000))))
            self.note(number, reply)
            answered()
        }
    }

    private func note(_ number: Int, _ reply: Result<Reply, ClientError>) {
        let problem: String?
        switch reply {
        case .success(let value): problem = check(number, value)
        case .failure(let error): problem = error.description
        }
        guard let problem else { return }
        result.errorCount += 1
        if result.errors.count < 5 { result.errors.append("command \(number): \(problem)") }
    }

    func finish() {
        result.seconds = Double((NIODeadline.now() - began).nanoseconds) / 1e9
        promise.succeed(result)
    }
}

private final class ClosedRun: Run {
    private let count: Int
    private let window: Int
    private let lane: @Sendable (Int) -> UInt64
    private var sent = 0

    init(
        _ connections: [Connection],
        _ count: Int,
        _ window: Int,
        _ lane: @escaping @Sendable (Int) -> UInt64,
        _ make: @escaping CommandStream.Make,
        _ check: @escaping CommandStream.Check,
        _ promise: EventLoopPromise<StreamResult>
    ) {
        self.count = count
        self.window = window
        self.lane = lane
        super.init(connections, make, check, promise)
    }

    func start() {
        guard count > 0 else { return finish() }
        for _ in 0..<min(window, count) {
            sendNext()
        }
    }

    private func sendNext() {
        let number = sent
        sent += 1
        send(number, on: lane(number), due: .now()) {
            if self.sent < self.count {
                self.sendNext()
            } else if self.result.commands == self.count {
                self.finish()
            }
        }
    }
}

private final class OpenRun: Run {
    private let rate: Double
    private let count: Int
    private var sent = 0

    init(
        _ connections: [Connection],
        _ rate: Double,
        _ count: Int,
        _ make: @escaping CommandStream.Make,
        _ check: @escaping CommandStream.Check,
        _ promise: EventLoopPromise<StreamResult>
    ) {
        self.rate = rate
        self.count = count
        super.init(connections, make, check, promise)
    }

    func start() {
        guard count > 0, let loop = connections.first?.eventLoop else { return finish() }
        tick(loop)
    }

    /// Sends what is due by now; each command's time counts from when it was due.
    private func tick(_ loop: any EventLoop) {
        let now = NIODeadline.now()
        let due = min(count, Int(Double((now - began).nanoseconds) / 1e9 * rate) + 1)
        while sent < due {
            let number = sent
            let time = began + .nanoseconds(Int64(Double(number) / rate * 1e9))
            sent += 1
            send(number, on: UInt64(number), due: time) {
                if self.result.commands == self.count { self.finish() }
            }
        }
        guard sent < count else { return }
        loop.assumeIsolated().scheduleTask(in: .microseconds(500)) { self.tick(loop) }
    }
}
