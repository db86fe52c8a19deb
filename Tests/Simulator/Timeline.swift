internal import HeapModule

/// What happens when, in the one thread of a simulation: actions in the order of their time, and of their scheduling
/// where the time is the same.
final class Timeline {
    private struct Action: Comparable {
        let time: UInt64
        let number: UInt64
        let body: () -> Void

        static func < (left: Action, right: Action) -> Bool {
            (left.time, left.number) < (right.time, right.number)
        }

        static func == (left: Action, right: Action) -> Bool { left.number == right.number }
    }

    private var actions = Heap<Action>()
    private var count: UInt64 = 0
    /// Microseconds since the simulation began: true time, which no node knows.
    private(set) var now: UInt64 = 0
    /// How many actions have been carried out.
    private(set) var steps = 0

    func schedule(after delay: UInt64, _ body: @escaping () -> Void) {
        count += 1
        actions.insert(Action(time: now + delay, number: count, body: body))
    }

    /// Carries actions out until `end`.
    ///
    /// - Parameter afterEach: called after every action, until it returns false.
    func run(until end: UInt64, afterEach: () -> Bool) {
        while let next = actions.min, next.time <= end {
            actions.removeMin()
            now = next.time
            steps += 1
            next.body()
            guard afterEach() else { return }
        }
        now = max(now, end)
    }
}
