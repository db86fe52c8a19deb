import ClusterLinks
import Logging
import Messages
import Model
import NIOCore
import NIOPosix
import Settings
import Synchronization
import Testing
import Wire

/// The detour of who does not reach the coordinator.
@Suite struct CoordinatorClientTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    private static let loop = MultiThreadedEventLoopGroup.singleton.next()
    private static let handshake = Handshake(secret: "s", name: "test")

    private typealias Outcome = Result<CoordinatorReply, Refusal>

    /// A coordinator that answers beats, or says nothing.
    private static func coordinator(answers: Bool) async throws -> any Channel {
        try await FrameListener.bind(
            group: loop,
            host: "127.0.0.1",
            port: 0,
            handshake: handshake,
            logger: logger
        ) { _, responder in
            if answers { responder.respond(CoordinatorReply.beaten(mapVersion: 1).encoded()) }
        }
    }

    /// What a request comes to, and how often it took the detour.
    private static func ask(
        _ port: Int,
        _ request: CoordinatorRequest = .health,
        within timeout: TimeAmount = .seconds(5),
        detour answer: Outcome
    ) async throws -> (outcome: Outcome, detours: Int) {
        guard let endpoint = Endpoint("127.0.0.1:\(port)") else { throw ChannelError.unknownLocalAddress }
        let detours = Mutex(0)
        let promise = loop.makePromise(of: Outcome.self)
        try await loop.submit {
            let client = CoordinatorClient(
                eventLoop: loop,
                coordinator: endpoint,
                handshake: handshake,
                logger: logger,
                detour: { _, _, completion in
                    detours.withLock { $0 += 1 }
                    completion(answer)
                }
            )
            client.ask(request, within: timeout) { result in
                promise.succeed(result)
                client.close()
            }
        }.get()
        let outcome = try await promise.futureResult.get()
        return (outcome, detours.withLock { $0 })
    }

    @Test func whoIsAnsweredTakesNoDetour() async throws {
        let channel = try await Self.coordinator(answers: true)
        let port = try #require(channel.localAddress?.port)
        let (outcome, detours) = try await Self.ask(port, detour: .success(.beaten(mapVersion: 2)))
        #expect(outcome == .success(.beaten(mapVersion: 1)) && detours == 0)
        try await channel.close()
    }

    @Test func whoHearsNothingTakesIt() async throws {
        let channel = try await Self.coordinator(answers: false)
        let port = try #require(channel.localAddress?.port)
        let (outcome, detours) = try await Self.ask(port, detour: .success(.beaten(mapVersion: 2)))
        #expect(outcome == .success(.beaten(mapVersion: 2)) && detours == 1)
        try await channel.close()
    }

    @Test func aMapIsWaitedForUntilItsTimeIsOver() async throws {
        let channel = try await Self.coordinator(answers: false)
        let port = try #require(channel.localAddress?.port)
        let (outcome, detours) = try await Self.ask(
            port,
            .map(newerThan: 1),
            within: .milliseconds(500),
            detour: .success(.beaten(mapVersion: 2))
        )
        #expect(outcome == .success(.beaten(mapVersion: 2)) && detours == 1)
        try await channel.close()
    }

    @Test func whereBothWaysFailItIsSaidOnce() async throws {
        let channel = try await Self.coordinator(answers: true)
        let port = try #require(channel.localAddress?.port)
        try await channel.close()
        let (outcome, detours) = try await Self.ask(
            port,
            within: .milliseconds(500),
            detour: .failure(.unavailable("nobody"))
        )
        guard case .failure = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(detours == 1)
    }
}
