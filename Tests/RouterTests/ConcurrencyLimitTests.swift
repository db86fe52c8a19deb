import Router
import Testing

/// The limit in front of a server that works off so many commands a millisecond, in order.
@Suite struct ConcurrencyLimitTests {
    private struct Server {
        static let turn: Int64 = 50_000_000
        var limit = ConcurrencyLimit(largest: 65_536, targetNanoseconds: 250_000_000)
        var queue: [Int64] = []
        var now: Int64 = 0
        var served = 0
        var refused = 0
        var longest: Int64 = 0

        /// Offers and serves so many commands in each millisecond.
        mutating func run(milliseconds: Int, offered: Int, capacity: Int) {
            served = 0
            refused = 0
            longest = 0
            for _ in 0..<milliseconds {
                for _ in 0..<offered {
                    if limit.begin() { queue.append(now) } else { refused += 1 }
                }
                for began in queue.prefix(capacity) {
                    limit.end(after: now - began)
                    longest = max(longest, now - began)
                    served += 1
                }
                queue.removeFirst(min(capacity, queue.count))
                now += 1_000_000
                if now % Server.turn == 0 { limit.turn(after: Server.turn) }
            }
        }
    }

    @Test func thriceTheCapacityIsServedAtCapacityWithoutLongWaits() {
        var server = Server()
        server.run(milliseconds: 2_000, offered: 90, capacity: 30)
        server.run(milliseconds: 5_000, offered: 90, capacity: 30)
        #expect(server.served == 150_000)
        #expect(server.longest < 500_000_000, "\(server.longest)")
        #expect(server.refused > 250_000)
        // When less is offered again, nothing is refused.
        server.run(milliseconds: 1_500, offered: 20, capacity: 30)
        server.run(milliseconds: 1_000, offered: 20, capacity: 30)
        #expect(server.refused == 0)
        #expect(server.longest < 10_000_000)
    }

    @Test func aServerThatHangsKeepsFewAndOneThatIsBackGetsMore() {
        var server = Server()
        server.run(milliseconds: 3_000, offered: 20, capacity: 0)
        #expect(server.limit.limit < 2_000)
        #expect(server.refused > 0)
        server.run(milliseconds: 3_000, offered: 20, capacity: 30)
        server.run(milliseconds: 1_000, offered: 20, capacity: 30)
        #expect(server.refused == 0)
    }

    @Test func whatIsFastIsNeverRefused() {
        var server = Server()
        server.run(milliseconds: 5_000, offered: 30, capacity: 31)
        #expect(server.refused == 0)
        #expect(server.limit.limit == 65_536)
    }

    @Test func aFewSlowCommandsAreNotOverload() {
        var server = Server()
        server.run(milliseconds: 200, offered: 1, capacity: 0)
        server.run(milliseconds: 1_000, offered: 0, capacity: 0)
        #expect(server.limit.limit == 65_536)
        server.run(milliseconds: 50, offered: 100, capacity: 200)
        #expect(server.refused == 0)
    }

    @Test func theLargestMayBeSmall() {
        var limit = ConcurrencyLimit(largest: 16, targetNanoseconds: 1)
        let begun = (0..<17).map { _ in limit.begin() }
        #expect(begun == Array(repeating: true, count: 16) + [false])
        for _ in 0..<100 { limit.turn(after: 50_000_000) }
        #expect(limit.limit == 16)
    }

    @Test func aLimitIsNeverBelowWhatKeepsAServerBusy() {
        var server = Server()
        server.run(milliseconds: 10_000, offered: 5, capacity: 0)
        #expect(server.limit.limit >= 64)
    }
}
