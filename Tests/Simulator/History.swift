package import Model

/// What clients asked and were told, with times: what linearizability is checked on.
package struct History {
    package struct Answer {
        package let at: UInt64
        package let result: ClientAnswer.Result

        package init(at: UInt64, result: ClientAnswer.Result) {
            self.at = at
            self.result = result
        }
    }

    package struct Operation {
        let client: Int
        let partition: PartitionID
        package let operation: ClientOperation
        package let calledAt: UInt64
        /// Nil where nobody knows what it came to: it may take effect at any later time, or never.
        package internal(set) var answer: Answer?

        package init(
            client: Int,
            partition: PartitionID,
            operation: ClientOperation,
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

    var acknowledgedWrites: Int { operations.count { $0.operation.isWrite && $0.answer != nil } }

    /// The longest time in which a partition answered nobody, or no write.
    func longestSilence(
        of partition: PartitionID,
        isOfWrites: Bool = false,
        from begin: UInt64,
        to end: UInt64
    ) -> UInt64 {
        let answers = operations.filter { $0.partition == partition && (!isOfWrites || $0.operation.isWrite) }
            .compactMap { $0.answer?.at }
        let times = [begin] + answers.filter { $0 > begin && $0 < end }.sorted() + [end]
        return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? end - begin
    }

    /// Checks every object by itself: linearizability is local (Herlihy and Wing, 1990), which keeps what is compared small.
    ///
    /// - Returns: the first object whose operations no order explains.
    func violation() -> String? {
        struct Place: Hashable, Comparable {
            let partition: PartitionID
            let object: ClientObject

            static func < (left: Place, right: Place) -> Bool {
                (left.partition, left.object) < (right.partition, right.object)
            }
        }
        let byPlace = Dictionary(grouping: operations) {
            Place(partition: $0.partition, object: $0.operation.object)
        }
        for (place, operations) in byPlace.sorted(by: { $0.key < $1.key }) where !History.isLinearizable(operations) {
            return "\(place.object) of partition \(place.partition) is not linearizable, up to:\n"
                + firstContradiction(operations).map { "  \($0)" }.joined(separator: "\n")
        }
        return nil
    }

    /// - Parameter operations: of one object.
    private static func isLinearizable(_ operations: [Operation]) -> Bool {
        if case .register = operations.first?.operation.object { return RegisterOrder(operations).exists() }
        return SequentialSearch(operations).findsOrder()
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
                operation.operation.isWrite || operation.answer != nil
            }
        }
        while low < high {
            let middle = (low + high) / 2
            if History.isLinearizable(known(at: answers[middle])) {
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
