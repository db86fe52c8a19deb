import EventLoops
import NIOCore
import NIOEmbedded
import Testing

@Suite struct LoopTurnsTests {
    /// A loop whose ticks end when the test says so.
    private final class Bench {
        let loop = EmbeddedEventLoop()
        var tick: UInt64 = 0
        var done: [String] = []
        private(set) lazy var turns = LoopTurns(eventLoop: loop) { [unowned self] in self.tick }

        func add(_ name: String, _ urgency: LoopTurns.Urgency, _ body: @escaping (NIODeadline) -> Void = { _ in }) {
            turns.add(urgency) { end in
                self.done.append(name)
                body(end)
            }
        }

        /// Whatever may run before the loop looks for input.
        func runTick() {
            loop.run()
            for _ in 0..<10 {
                loop.advanceTime(by: .milliseconds(1))
            }
        }

        func nextTick() {
            tick += 1
            runTick()
        }
    }

    @Test func whatSomebodyWaitsForGoesFirst() {
        let bench = Bench()
        bench.add("background", .background)
        bench.add("awaited", .awaited)
        bench.runTick()
        #expect(bench.done == ["awaited", "background"])
    }

    @Test func theLoopLooksForInputBetweenTwoTurns() {
        let bench = Bench()
        func again(_ left: Int) {
            bench.add("\(left)", .awaited) { _ in if left > 0 { again(left - 1) } }
        }
        again(3)
        bench.runTick()
        bench.runTick()
        #expect(bench.done == ["3"])
        bench.nextTick()
        #expect(bench.done == ["3", "2"])
        bench.nextTick()
        bench.nextTick()
        bench.nextTick()
        #expect(bench.done == ["3", "2", "1", "0"])
    }

    @Test func whatATickLeadsToGoesBeforeATurn() {
        let bench = Bench()
        bench.loop.execute {
            bench.add("turn", .awaited)
            bench.loop.execute { bench.done.append("message") }
        }
        bench.runTick()
        #expect(bench.done == ["message", "turn"])
    }

    @Test func nobodyHoldsUpTheRestForGood() {
        let bench = Bench()
        func spin(_ end: NIODeadline) {
            while NIODeadline.now() < end {}
        }
        for number in 0..<3 {
            bench.add("awaited \(number)", .awaited, spin)
            bench.add("behind \(number)", .behind, spin)
            bench.add("background \(number)", .background, spin)
        }
        bench.runTick()
        #expect(bench.done == ["awaited 0", "behind 0", "background 0"])
        bench.nextTick()
        bench.nextTick()
        #expect(bench.done == (0..<3).flatMap { ["awaited \($0)", "behind \($0)", "background \($0)"] })
    }
}
