import Simulator

/// Looks for an order of one object's operations that explains what was answered by trying all. What `RegisterOrder` and
/// `SequentialSearch` are compared with.
struct ExhaustiveSearch {
    private struct State: Hashable {
        var done: Set<Int> = []
        var object: UInt64?
    }

    let operations: [History.Operation]

    func findsOrder() -> Bool {
        var tried: Set<State> = []
        var stack = [State()]
        while let state = stack.popLast() {
            guard tried.insert(state).inserted else { continue }
            let left = operations.indices.filter { !state.done.contains($0) }
            // An operation can come next only if no other one that is left was answered before it was called.
            guard let earliestAnswer = left.compactMap({ operations[$0].answer?.at }).min() else { return true }
            for index in left where operations[index].calledAt <= earliestAnswer {
                var object = state.object
                let result = operations[index].operation.apply(to: &object)
                guard operations[index].answer.map({ $0.result == result }) ?? true else { continue }
                stack.append(State(done: state.done.union([index]), object: object))
            }
        }
        return false
    }
}
