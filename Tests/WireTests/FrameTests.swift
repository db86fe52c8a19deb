import Foundation
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Wire

@Suite struct FrameTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    @Test func framesComeBackAndDamagedOnesAreRefused() throws {
        var buffer = ByteBuffer()
        Frame(kind: .request, id: 7, payload: [1, 2, 3]).write(to: &buffer)
        let bytes = Array(buffer.readableBytesView)
        var whole = ByteBuffer(bytes: bytes)
        var decoder = FrameDecoder()
        let frame = try decoder.decode(buffer: &whole)
        #expect(frame?.kind == .request && frame?.id == 7 && frame?.payload == [1, 2, 3])
        for index in bytes.indices {
            var damaged = bytes
            damaged[index] ^= 0x40
            var buffer = ByteBuffer(bytes: damaged)
            // A longer length only waits for more; everything else is noticed.
            if let frame = try? decoder.decode(buffer: &buffer) {
                Issue.record("byte \(index) damaged, and taken as \(frame)")
            }
            var short = ByteBuffer(bytes: bytes.prefix(index))
            check(try decoder.decode(buffer: &short) == nil)
        }
        var huge = ByteBuffer(integer: UInt32(1 << 30), endianness: .little)
        var refusal: FrameError?
        do {
            _ = try decoder.decode(buffer: &huge)
        } catch {
            refusal = error as? FrameError
        }
        #expect(refusal == .length(1 << 30))
    }

    /// A server on a free port that answers each request after `handle` says so.
    private static func serve(
        secret: String = "s",
        port: Int = 0,
        _ handle: @escaping FrameServerHandler.Service
    ) async throws -> any Channel {
        try await FrameListener.bind(
            group: MultiThreadedEventLoopGroup.singleton,
            host: "127.0.0.1",
            port: port,
            handshake: Handshake(secret: secret, name: "server"),
            logger: logger,
            service: handle
        )
    }

    private static func client(
        _ port: Int,
        secret: String = "s",
        rest: FrameClient.Rest = .requestsWait,
        loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    ) async throws -> NIOLoopBound<FrameClient> {
        try await loop.submit {
            NIOLoopBound(
                FrameClient(
                    eventLoop: loop,
                    host: "127.0.0.1",
                    port: port,
                    handshake: Handshake(secret: secret, name: "client"),
                    logger: logger,
                    rest: rest
                ),
                eventLoop: loop
            )
        }.get()
    }

    private static func ask(
        _ client: NIOLoopBound<FrameClient>,
        _ payload: [UInt8],
        within time: TimeAmount = .seconds(10)
    ) async throws -> Result<[UInt8], FrameFailure> {
        let promise = client.eventLoop.makePromise(of: Result<[UInt8], FrameFailure>.self)
        client.eventLoop.execute {
            client.value.request(payload, deadline: .now() + time) { promise.succeed($0) }
        }
        return try await promise.futureResult.get()
    }

    @Test func requestsArePipelinedAndRepliesMayComeInAnyOrder() async throws {
        let held = Mutex<[(FrameResponder, [UInt8])]>([])
        let server = try await Self.serve { request, responder in
            let batch = held.withLock { held in
                held.append((responder, request))
                defer { if held.count == 100 { held = [] } }
                return held.count == 100 ? held : []
            }
            for (responder, request) in batch.reversed() {
                responder.respond(request)
            }
        }
        let client = try await Self.client(server.localAddress?.port ?? 0)
        let replies = try await withThrowingTaskGroup(of: (UInt8, Result<[UInt8], FrameFailure>).self) { group in
            for number in 0..<100 as Range<UInt8> {
                group.addTask { (number, try await Self.ask(client, [number])) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        for number in 0..<100 as Range<UInt8> {
            #expect(replies[number] == .success([number]))
        }
        try await server.close()
    }

    @Test func repliesThatNobodyWaitsForComeWithOthersOrSomewhatLater() throws {
        let handshake = Handshake(secret: "s", name: "test")
        let handler = FrameServerHandler(handshake: handshake, logger: Self.logger) { request, responder in
            responder.respond(request, isAwaited: request != [1])
        }
        let channel = EmbeddedChannel(handler: handler)
        func send(_ kind: Frame.Kind, _ payload: [UInt8]) throws {
            var buffer = ByteBuffer()
            Frame(kind: kind, id: 1, payload: payload).write(to: &buffer)
            try channel.writeInbound(buffer)
            channel.embeddedEventLoop.run()
        }
        func replies() throws -> [[UInt8]] {
            var decoder = FrameDecoder()
            var payloads: [[UInt8]] = []
            while var buffer = try channel.readOutbound(as: ByteBuffer.self) {
                while let frame = try decoder.decode(buffer: &buffer) {
                    payloads.append(frame.payload)
                }
            }
            return payloads
        }
        try send(.hello, handshake.payload())
        #expect(try replies().count == 1)
        try send(.request, [1])
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(19))
        #expect(try replies() == [])
        try send(.request, [1])
        channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(try replies() == [[1], [1]])
        try send(.request, [1])
        #expect(try replies() == [])
        try send(.request, [2])
        #expect(try replies() == [[1], [2]])
        channel.embeddedEventLoop.advanceTime(by: .seconds(1))
        #expect(try replies() == [])
        _ = try channel.finish()
    }

    /// One client's long answers must not cost all others of a router their connection.
    @Test func muchThatIsAskedForAtOnceIsAnsweredBitByBit() async throws {
        let long = [UInt8](repeating: 7, count: 1 << 20)
        let server = try await Self.serve { _, responder in responder.respond(long) }
        let client = try await Self.client(server.localAddress?.port ?? 0)
        let sizes = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<400 {
                group.addTask {
                    try await Self.ask(client, [UInt8(truncatingIfNeeded: number)], within: .seconds(60)).get().count
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(sizes == Array(repeating: long.count, count: 400))
        try await server.close()
    }

    /// A peer that sends and never reads: what it asks for is taken only as far as it reads.
    @Test func whoNeverReadsIsNotAnsweredForever() async throws {
        let taken = Mutex(0)
        let server = try await Self.serve { _, responder in
            taken.withLock { $0 += 1 }
            responder.respond([UInt8](repeating: 7, count: 1 << 20))
        }
        var stream = ByteBuffer()
        Frame(kind: .hello, id: 0, payload: Handshake(secret: "s", name: "client").payload()).write(to: &stream)
        for number in 1...1_000 as ClosedRange<UInt64> {
            Frame(kind: .request, id: number, payload: []).write(to: &stream)
        }
        let peer = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: server.localAddress?.port ?? 0).get()
        try await peer.writeAndFlush(stream)
        let deadline = ContinuousClock.now + .seconds(30)
        while taken.withLock({ $0 }) < 8, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
        // It comes to a stop, at as much as may be unread and what the sockets hold.
        var before = 0
        while case let now = taken.withLock({ $0 }), now != before, ContinuousClock.now < deadline {
            before = now
            try await Task.sleep(for: .milliseconds(200))
        }
        #expect((8..<100).contains(before))
        // It reads now, and gets everything.
        try await peer.setOption(.autoRead, value: true).get()
        while taken.withLock({ $0 }) < 1_000, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(taken.withLock { $0 } == 1_000)
        try await peer.close()
        try await server.close()
    }

    @Test func deadlinesSayWhetherTheRequestLeft() async throws {
        let server = try await Self.serve { _, _ in }
        let client = try await Self.client(server.localAddress?.port ?? 0)
        guard case .failure(.outcomeUnknown) = try await Self.ask(client, [1], within: .milliseconds(300)) else {
            Issue.record("a request that left has an unknown outcome")
            return
        }
        try await server.close()
        let nobody = try await Self.client(1)
        guard case .failure(.notSent) = try await Self.ask(nobody, [1], within: .milliseconds(200)) else {
            Issue.record("a request without a connection was not sent")
            return
        }
    }

    @Test func betweenAttemptsToConnectRequestsWaitOrFailAtOnce() async throws {
        let patient = try await Self.client(1)
        for _ in 0..<5 {
            guard case .failure(.notSent(let reason)) = try await Self.ask(patient, [1], within: .seconds(60)) else {
                Issue.record("a request without a connection was not sent")
                return
            }
            #expect(!reason.hasPrefix("no connection to"), "each has waited for an attempt of its own")
        }
        let nobody = try await Self.client(1, rest: .requestsFail)
        let deadline = ContinuousClock.now + .seconds(10)
        var reasons: Set<Bool> = []
        while reasons.count < 2, ContinuousClock.now < deadline {
            guard case .failure(.notSent(let reason)) = try await Self.ask(nobody, [1], within: .seconds(60)) else {
                Issue.record("a request without a connection was not sent")
                return
            }
            reasons.insert(reason.hasPrefix("no connection to"))
        }
        #expect(reasons.count == 2, "the first request after a rest connects, the others fail")
    }

    /// 64 MiB, or 131,072 requests.
    @Test(arguments: [(size: 1 << 20, count: 100, largest: 64), (size: 1, count: 140_000, largest: 131_072)])
    func moreThanMayWaitForAPeerIsRefusedAtOnce(_ load: (size: Int, count: Int, largest: Int)) async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).get()
        // The loop is busy for a while: not one that other tests wait for.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let client = try await Self.client(silent.localAddress?.port ?? 0, loop: group.next())
        let busy = try await client.eventLoop.submit {
            let busy = Mutex(0)
            let all = client.eventLoop.makePromise(of: Int.self)
            for _ in 0..<load.count {
                client.value.request([UInt8](repeating: 1, count: load.size), deadline: .now() + .minutes(5)) {
                    result in
                    if result == .failure(.busy) { busy.withLock { $0 += 1 } }
                }
            }
            // Refused a turn of the loop later.
            client.eventLoop.execute { client.eventLoop.execute { all.succeed(busy.withLock { $0 }) } }
            return all.futureResult
        }.get().get()
        #expect((load.count - load.largest..<load.count - load.largest * 9 / 10).contains(busy))
        try await silent.close()
        try await group.shutdownGracefully()
    }

    /// Whoever connects and says nothing holds nothing for long.
    @Test func whoDoesNotGreetIsRefused() async throws {
        let server = try await Self.serve { _, responder in responder.respond([]) }
        let peer = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: server.localAddress?.port ?? 0).get()
        // A deadline of the test's own, far behind the server's.
        let guardian = peer.eventLoop.scheduleTask(in: .seconds(60)) { peer.close(promise: nil) }
        let began = ContinuousClock.now
        try await peer.closeFuture.get()
        guardian.cancel()
        #expect(ContinuousClock.now - began < .seconds(60))
        try await server.close()
    }

    @Test func whatWaitsForAConnectionCanBeGivenUp() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try await Self.client(silent.localAddress?.port ?? 0)
        let promise = client.eventLoop.makePromise(of: Result<[UInt8], FrameFailure>.self)
        client.eventLoop.execute {
            client.value.request([1], deadline: .now() + .minutes(1)) { promise.succeed($0) }
            client.value.giveUpUnsent()
        }
        guard case .failure(.notSent) = try await promise.futureResult.get() else {
            Issue.record("a request without a connection was not sent")
            return
        }
        try await silent.close()
    }

    @Test func aWrongSecretIsRefused() async throws {
        let served = Mutex(0)
        let server = try await Self.serve(secret: "right") { _, _ in served.withLock { $0 += 1 } }
        let client = try await Self.client(server.localAddress?.port ?? 0, secret: "wrong")
        guard case .failure(.notSent) = try await Self.ask(client, [1], within: .seconds(1)) else {
            Issue.record("a stranger's request was taken")
            return
        }
        #expect(served.withLock { $0 } == 0)
        try await server.close()
    }

    @Test func aLostConnectionIsMadeAgain() async throws {
        let server = try await Self.serve { request, responder in responder.respond(request) }
        let port = server.localAddress?.port ?? 0
        let client = try await Self.client(port)
        #expect(try await Self.ask(client, [1]) == .success([1]))
        try await server.close()
        let again = try await Self.serve(port: port) { request, responder in responder.respond(request + [9]) }
        // The old connection is still served by the old handler; a new one reaches the new server.
        client.eventLoop.execute { client.value.dropConnection() }
        let deadline = ContinuousClock.now + .seconds(10)
        var reply: Result<[UInt8], FrameFailure> = .failure(.busy)
        while reply != .success([2, 9]), ContinuousClock.now < deadline {
            reply = try await Self.ask(client, [2])
        }
        #expect(reply == .success([2, 9]))
        try await again.close()
    }
}

/// `#expect` for expressions that change what they look at, which the macro cannot capture.
private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
