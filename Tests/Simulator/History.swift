package import Model

/// What clients asked and were told, with times: what linearizability is checked on.
package struct History {
    package struct Answer {
        package let at: UInt64
        package let result: RegisterAnswer.Result

        package init(at: UInt64, result: RegisterAnswer.Result) {
            self.at = at
            self.result = result
        }
    }

    package struct Operation {
        let client: Int
        let partition: PartitionID
        package let operation: RegisterRequest.Operation
        package let calledAt: UInt64
        /// Nil where nobody knows what it came to: it may take effect at any later time, or never.
        package internal(set) var answer: Answer?

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

    /// The longest time in which a partition answered nobody, or no write.
    func longestSilence(
        of partition: PartitionID,
        isOfWrites: Bool = false,
        from begin: UInt64,
        to end: UInt64
    ) -> UInt64 {
        let answers = operations.filter { $0.partition == partition }.compactMap(\.answer).filter {
            !isOfWrites || $0.result == .written
        }.map(\.at)
        let times = [begin] + answers.filter { $0 > begin && $0 < end }.sorted() + [end]
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? end - begin
    }

    /// Checks every register by itself: linearizability is local (Herlihy and Wing, 1990), which keeps what is compared small.
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
