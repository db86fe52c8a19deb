import Model
import Router
import Testing

@Suite struct RetryOrderTests {
    private let alice = Actor.user(UserID(1))

    @Test func laterCommandsWaitBehindTheOneThatIsTriedAgain() {
        var order = RetryOrder<String>()
        let numbers = (0..<4).map { _ in order.number() }
        var waits = order.mustWait(numbers[0], for: alice, "a")
        #expect(!waits)
        order.willRetry(numbers[0], for: alice)
        waits = order.mustWait(numbers[3], for: alice, "d")
        #expect(waits)
        // Sent before the first was refused, and refused too: it goes in front of what came later.
        waits = order.mustWait(numbers[1], for: alice, "b")
        #expect(waits)
        waits = order.mustWait(numbers[2], for: .user(UserID(2)), "other")
        #expect(!waits)
        // The head itself goes on.
        waits = order.mustWait(numbers[0], for: alice, "a")
        #expect(!waits)
        let next = order.answered(numbers[0], for: alice)
        #expect(next == ["b", "d"])
        let nothing = order.answered(numbers[1], for: alice)
        #expect(nothing.isEmpty)
    }

    @Test func readsKnowOfEarlierWritesThatAreNotAnswered() {
        var order = RetryOrder<String>()
        let numbers = (0..<4).map { _ in order.number() }
        order.begin(write: numbers[1], for: alice)
        order.begin(write: numbers[3], for: alice)
        #expect(!order.isBehindWrite(numbers[0], for: alice))
        #expect(order.isBehindWrite(numbers[2], for: alice))
        #expect(!order.isBehindWrite(numbers[2], for: .user(UserID(2))))
        _ = order.answered(numbers[1], for: alice)
        #expect(!order.isBehindWrite(numbers[2], for: alice))
        _ = order.answered(numbers[3], for: alice)
        #expect(!order.isBehindWrite(order.number(), for: alice))
    }

    @Test func anOlderCommandThatIsRefusedLaterBecomesTheHead() {
        var order = RetryOrder<String>()
        let first = order.number()
        let second = order.number()
        order.willRetry(second, for: alice)
        var waits = order.mustWait(first, for: alice, "first")
        #expect(!waits)
        order.willRetry(first, for: alice)
        waits = order.mustWait(second, for: alice, "second")
        #expect(waits)
        let next = order.answered(first, for: alice)
        #expect(next == ["second"])
    }
}
