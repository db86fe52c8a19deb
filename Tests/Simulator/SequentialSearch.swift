/// Whether an order of one object's operations explains what was answered, found by trying: Wing and Gong's search (1993) with
/// the memory of states that were tried (Lowe, Testing for Linearizability, 2017).
///
/// An operation that nobody answered is tried only where it changes the object, since it may as well never have happened, and of several
/// equal ones the one that was called first. So those of a long outage do not multiply the states.
package struct SequentialSearch {
    private struct State: Hashable {
        /// All answered operations before this one are done.
        var first = 0
        /// Done beyond it.
        var later: Set<Int> = []
        var unanswered: Set<Int> = []
        var object: UInt64?

        func doing(_ index: Int, _ object: UInt64?) -> State {
            var state = self
            state.object = object
            state.later.insert(index)
            while state.later.remove(state.first) != nil { state.first += 1 }
            return state
        }

        func doing(unanswered index: Int, _ object: UInt64?) -> State {
            var state = self
            state.object = object
            state.unanswered.insert(index)
            return state
        }
    }

    /// In the order of their calls.
    private let answered: [(operation: History.Operation, answer: History.Answer)]
    private let unanswered: [History.Operation]

    /// - Parameter operations: of one object.
    package init(_ operations: [History.Operation]) {
        let sorted = operations.sorted { $0.calledAt < $1.calledAt }
        answered = sorted.compactMap { operation in operation.answer.map { (operation, $0) } }
        unanswered = sorted.filter { $0.answer == nil && $0.operation.isWrite }
    }

    package func findsOrder() -> Bool {
        var tried: Set<State> = []
        var stack = [State()]
        while let state = stack.popLast() {
            guard tried.insert(state).inserted else { continue }
            let (candidates, earliestAnswer) = next(in: state)
            guard let earliestAnswer else { return true }
            for index in candidates where answered[index].operation.calledAt <= earliestAnswer {
                var object = state.object
                let result = answered[index].operation.operation.apply(to: &object)
                if result == answered[index].answer.result { stack.append(state.doing(index, object)) }
            }
            tryUnanswered(in: state, before: earliestAnswer) { stack.append($0) }
        }
        return false
    }

    /// The answered operations that are left and may come next, and the first answer to one that is left: an operation can come
    /// next only if no other one was answered before it was called.
    private func next(in state: State) -> (candidates: [Int], earliestAnswer: UInt64?) {
        var candidates: [Int] = []
        var earliest: UInt64?
        for index in answered.indices.dropFirst(state.first) where !state.later.contains(index) {
            if let earliest, answered[index].operation.calledAt > earliest { break }
            candidates.append(index)
            earliest = min(earliest ?? .max, answered[index].answer.at)
        }
        return (candidates, earliest)
    }

    private func tryUnanswered(in state: State, before time: UInt64, _ body: (State) -> Void) {
        var seen: [ClientOperation] = []
        for (index, operation) in unanswered.enumerated() where !state.unanswered.contains(index) {
            guard operation.calledAt <= time else { break }
            guard !seen.contains(operation.operation) else { continue }
            seen.append(operation.operation)
            var object = state.object
            _ = operation.operation.apply(to: &object)
            if object != state.object { body(state.doing(unanswered: index, object)) }
        }
    }
}
