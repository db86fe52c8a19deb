import Simulator

/// Looks for an order of one register's operations that explains what was answered by trying all: Wing and Gong's search (1993)
/// with the memory of states that were tried (Lowe, 2017). What `RegisterOrder` is compared with.
struct RegisterSearch {
    private struct State: Hashable {
        var done: Set<Int> = []
        var value: UInt64?
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
                guard let value = value(after: operations[index], in: state.value) else { continue }
                stack.append(State(done: state.done.union([index]), value: value))
            }
        }
        return false
    }

    /// The register after an operation; nil where the operation cannot have answered what it did.
    private func value(after operation: History.Operation, in value: UInt64?) -> UInt64?? {
        switch operation.operation {
        case .write(let write): .some(write.value)
        case .read: operation.answer?.result == .value(value) ? .some(value) : .none
        }
    }
}
