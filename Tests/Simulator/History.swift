package import Model

/// What clients asked and were told, with times: what linearizability is checked on.
package struct History {
    package struct Answer {
        let at: UInt64
        let result: RegisterAnswer.Result

        package init(at: UInt64, result: RegisterAnswer.Result) {
            self.at = at
            self.result = result
        }
    }

    package struct Operation {
        let client: Int
        let partition: PartitionID
        let operation: RegisterRequest.Operation
        let calledAt: UInt64
        /// Nil where nobody knows what it came to: it may take effect at any later time, or never.
        var answer: Answer?

        package init(
            client: Int,
            partition: PartitionID,
            operation: RegisterRequest.Operation,
            calledAt: UInt64,
            answer: Answer? = nil
        ) {
            self.client = client
            self.partition = partition
            self.operation = operation
            self.calledAt = calledAt
            self.answer = answer
        }
    }

    var operations: [Operation] = []

    var acknowledgedWrites: Int { operations.count { $0.answer?.result == .written } }

    /// The longest time in which a partition answered nobody.
    func longestSilence(of partition: PartitionID, from begin: UInt64, to end: UInt64) -> UInt64 {
        let answers = operations.filter { $0.partition == partition }.compactMap { $0.answer?.at }
        let times = [begin] + answers.filter { $0 > begin && $0 < end }.sorted() + [end]
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? end - begin
    }

    /// Checks every register by itself: linearizability is local (Herlihy and Wing, 1990), which keeps the search small.
    ///
    /// - Returns: the first register whose operations no order explains.
    func violation() -> String? {
        struct Register: Hashable {
            let partition: PartitionID
            let key: UInt8
        }
        let byRegister = Dictionary(grouping: operations) { operation in
            switch operation.operation {
            case .read(let key): Register(partition: operation.partition, key: key)
            case .write(let write): Register(partition: operation.partition, key: write.key)
            }
        }
        for (register, operations) in byRegister.sorted(by: {
            ($0.key.partition, $0.key.key) < ($1.key.partition, $1.key.key)
        }) where !RegisterOrder(operations).exists() {
            return "register \(register.key) of partition \(register.partition) is not linearizable, up to:\n"
                + firstContradiction(operations).map { "  \($0)" }.joined(separator: "\n")
        }
        return nil
    }

    /// The operations up to the first answer that no order explains, the newest few.
    private func firstContradiction(_ operations: [Operation]) -> [Operation] {
        let answers = operations.compactMap { $0.answer?.at }.sorted()
        var low = 0
        var high = answers.count - 1
        func known(at time: UInt64) -> [Operation] {
            operations.filter { $0.calledAt <= time }.map { operation in
                var operation = operation
                if let answer = operation.answer, answer.at > time { operation.answer = nil }
                return operation
            }.filter { operation in
                if case .read = operation.operation { operation.answer != nil } else { true }
            }
        }
        while low < high {
            let middle = (low + high) / 2
            if RegisterOrder(known(at: answers[middle])).exists() {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return Array(known(at: answers[low]).sorted { $0.calledAt < $1.calledAt }.suffix(12))
    }
}

extension History.Operation: CustomStringConvertible {
    package var description: String {
        let answer = answer.map { "\($0.at): \($0.result)" } ?? "unknown"
        return "client\(client) \(calledAt): \(operation) -> \(answer)"
    }
}

/// Looks for an order of one register's operations that explains what was answered: Wing and Gong's search (1993) with
/// the memory of states that were tried (Lowe, 2017), as in Porcupine.
package struct RegisterOrder {
    private struct State: Hashable {
        var done: [UInt64]
        let value: UInt64?
    }

    private let operations: [History.Operation]

    package init(_ operations: [History.Operation]) {
        self.operations = operations.sorted { $0.calledAt < $1.calledAt }
    }

    package func exists() -> Bool {
        var tried: Set<State> = []
        let begin = State(done: [UInt64](repeating: 0, count: operations.count / 64 + 1), value: nil)
        var stack = [begin]
        while let state = stack.popLast() {
            guard tried.insert(state).inserted else { continue }
            var isComplete = true
            // An operation can come next only if no other one that is left was answered before it was called.
            var earliestAnswer = UInt64.max
            for (index, operation) in operations.enumerated() where !isDone(index, in: state) {
                guard let answer = operation.answer else { continue }
                isComplete = false
                earliestAnswer = min(earliestAnswer, answer.at)
            }
            if isComplete { return true }
            for (index, operation) in operations.enumerated() where !isDone(index, in: state) {
                if operation.calledAt > earliestAnswer { break }
                guard let value = value(after: operation, in: state.value) else { continue }
                var next = State(done: state.done, value: value)
                next.done[index / 64] |= 1 << UInt64(index % 64)
                stack.append(next)
            }
        }
        return false
    }

    private func isDone(_ index: Int, in state: State) -> Bool {
        state.done[index / 64] & 1 << UInt64(index % 64) != 0
    }

    /// The register after an operation; nil where the operation cannot have answered what it did.
    private func value(after operation: History.Operation, in value: UInt64?) -> UInt64?? {
        switch operation.operation {
        case .write(let write): .some(write.value)
        case .read: operation.answer?.result == .value(value) ? .some(value) : .none
        }
    }
}
