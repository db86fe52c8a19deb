import EventLoops
import Foundation
import NIOCore
import NIOPosix
import Testing

@Suite struct LoopTicksTests {
    /// Takes one turn after the other, each as long as a turn may be, and writes a byte in each that the loop has to read.
    private final class Bench {
        let turns: LoopTurns
        let output: FileHandle
        let promise: EventLoopPromise<[Int]>
        var bytesRead = 0
        /// By turn, the bytes read before it.
        var seen: [Int] = []

        init(_ loops: ObservedLoops, _ loop: any EventLoop, output: FileHandle, _ promise: EventLoopPromise<[Int]>) {
            turns = LoopTurns(eventLoop: loop) { loops.ticks.count(of: loop) }
            self.output = output
            self.promise = promise
        }

        func takeTurns(_ left: Int) {
            guard left > 0 else { return promise.succeed(seen) }
            turns.add(.awaited) { end in
                self.seen.append(self.bytesRead)
                self.output.write(Data([1]))
                while NIODeadline.now() < end {}
                self.takeTurns(left - 1)
            }
        }
    }

    private final class Counter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let bench: Bench

        init(_ bench: Bench) {
            self.bench = bench
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bench.bytesRead += unwrapInboundIn(data).readableBytes
        }
    }

    @Test(.timeLimit(.minutes(1))) func aRealLoopReadsBetweenTwoTurns() async throws {
        let loops = ObservedLoops(threads: 1)
        let loop = loops.group.next()
        let pipe = Pipe()
        let descriptor = dup(pipe.fileHandleForReading.fileDescriptor)
        let output = pipe.fileHandleForWriting
        let promise = loop.makePromise(of: [Int].self)
        let channel = try await NIOPipeBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let bench = Bench(loops, loop, output: output, promise)
                try channel.pipeline.syncOperations.addHandler(Counter(bench))
                loop.assumeIsolated().execute { bench.takeTurns(20) }
            }
        }.takingOwnershipOfDescriptor(input: descriptor).get()
        let seen = try await promise.futureResult.get()
        #expect(seen == Array(0..<20))
        try await channel.close()
        try await loops.group.shutdownGracefully()
    }
}
