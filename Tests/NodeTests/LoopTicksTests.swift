import NIOCore
import NIOPosix
import Node
import Observability
import Testing

@Suite struct LoopTicksTests {
    /// Takes one turn after the other, each as long as a turn may be.
    private final class Bench {
        let turns: LoopTurns
        let promise: EventLoopPromise<[UInt64]>
        let tick: () -> UInt64
        var ticks: [UInt64] = []

        init(_ loop: any EventLoop, _ promise: EventLoopPromise<[UInt64]>, tick: @escaping () -> UInt64) {
            turns = LoopTurns(eventLoop: loop, tick: tick)
            self.promise = promise
            self.tick = tick
        }

        func takeTurns(_ left: Int) {
            guard left > 0 else { return promise.succeed(ticks) }
            turns.add(.awaited) { end in
                self.ticks.append(self.tick())
                while NIODeadline.now() < end {}
                self.takeTurns(left - 1)
            }
        }
    }

    @Test func aRealLoopLooksForInputBetweenTwoTurns() async throws {
        let loops = ObservedLoops(threads: 1)
        let loop = loops.group.next()
        let seen = try await loop.flatSubmit {
            let promise = loop.makePromise(of: [UInt64].self)
            Bench(loop, promise) { loops.ticks.count(of: loop) }.takeTurns(20)
            return promise.futureResult
        }.get()
        try await loops.group.shutdownGracefully()
        #expect(seen.count == 20)
        #expect(zip(seen, seen.dropFirst()).allSatisfy { $0 < $1 }, "\(seen)")
    }
}
