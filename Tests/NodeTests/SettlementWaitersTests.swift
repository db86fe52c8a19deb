import Model
import NIOCore
import Node
import Partitions
import Testing

@Suite struct SettlementWaitersTests {
    private typealias Waiters = SettlementWaiters<String>

    private let first = Settlement.backfill(author: UserID(1), generation: 1)
    private let second = Settlement.backfill(author: UserID(2), generation: 1)

    private func waiter(_ name: String, milliseconds: Int64) -> Waiters.Waiter {
        Waiters.Waiter(write: name, fallback: nil, deadline: .uptimeNanoseconds(0) + .milliseconds(milliseconds))
    }

    @Test func aWriteWaitsForAllThatItNeeds() {
        var waiters = Waiters()
        waiters.add(waiter("both", milliseconds: 10), for: [first, second])
        waiters.add(waiter("one", milliseconds: 10), for: [second])
        var taken = waiters.take(first).map(\.write)
        #expect(taken.isEmpty)
        taken = waiters.take(second).map(\.write)
        #expect(taken == ["both", "one"])
        taken = waiters.take(second).map(\.write)
        #expect(taken.isEmpty)
    }

    @Test func whoHasWaitedTooLongIsTakenOnce() {
        var waiters = Waiters()
        waiters.add(waiter("both", milliseconds: 10), for: [first, second])
        waiters.add(waiter("patient", milliseconds: 20), for: [first])
        var taken = waiters.take(second).map(\.write)
        #expect(taken.isEmpty)
        taken = waiters.takeExpired(now: .uptimeNanoseconds(0) + .milliseconds(9)).map(\.write)
        #expect(taken.isEmpty)
        taken = waiters.takeExpired(now: .uptimeNanoseconds(0) + .milliseconds(10)).map(\.write)
        #expect(taken == ["both"])
        taken = waiters.take(first).map(\.write)
        #expect(taken == ["patient"])
        taken = waiters.takeAll().map(\.write)
        #expect(taken.isEmpty)
    }
}
