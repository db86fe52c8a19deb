import Client
import LoadGenerator
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// Commands that a server refuses for now are given again, and others are not.
@Suite struct PatienceTests {
    private func carryOut(
        _ count: Int,
        answers: @escaping @Sendable (_ attempt: Int) -> String
    ) async throws -> Int {
        let attempts = Mutex<Int>(0)
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Answerer {
                            answers(
                                attempts.withLock {
                                    $0 += 1
                                    return $0
                                }
                            )
                        }
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(server.localAddress?.port)
        let stream = try await CommandStream.connect(
            host: "127.0.0.1",
            port: port,
            password: nil,
            connections: 1,
            loop: group.next()
        )
        do {
            try await stream.carryOutPatiently(count: count, window: 1) {
                ["DO", String($0)]
            } isThere: {
                $0.hasPrefix("EXISTS")
            }
        } catch {
            try await server.close()
            throw error
        }
        try await server.close()
        return attempts.withLock { $0 }
    }

    @Test func whatIsRefusedForNowIsGivenAgain() async throws {
        let attempts = try await carryOut(10) { $0 <= 4 ? "-BUSY too much is under way\r\n" : "+OK\r\n" }
        #expect(attempts == 14)
    }

    @Test func whatIsThereIsNotGivenAgain() async throws {
        #expect(try await carryOut(5) { _ in "-EXISTS already\r\n" } == 5)
    }

    @Test func anotherErrorEndsIt() async throws {
        await #expect(throws: ClientError.self) { try await carryOut(5) { _ in "-ERR no\r\n" } }
    }
}

/// Answers each read with one reply: commands come one at a time.
private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: () -> String

    init(_ answer: @escaping () -> String) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer())), promise: nil)
    }
}
