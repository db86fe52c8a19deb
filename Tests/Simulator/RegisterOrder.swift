/// Whether an order of one register's operations explains what was answered.
///
/// No two writes write the same, so a read names its write, and stands between it and the next one. A write with its reads
/// begins with the first answer and ends with the last call: one group must come before another if it has an answer before
/// the other's last call. There is an order if no two must each come before the other, and no read was answered before its
/// write was called (Gibbons and Korach, Testing Shared Memories, 1997, section 4.2). Unlike a search this takes no longer
/// where many writes were never answered.
package struct RegisterOrder {
    private struct Group {
        var firstAnswer: UInt64
        var lastCall: UInt64
        /// Of the write.
        let calledAt: UInt64
        var hasReads = false

        func mustPrecede(_ other: Group) -> Bool { firstAnswer < other.lastCall }
    }

    private let operations: [History.Operation]

    /// - Parameter operations: of one register, no two of them writes of one value.
    package init(_ operations: [History.Operation]) {
        self.operations = operations
    }

    package func exists() -> Bool {
        guard let groups = groups() else { return false }
        for (index, group) in groups.enumerated() {
            for other in groups[(index + 1)...] where group.mustPrecede(other) && other.mustPrecede(group) {
                return false
            }
        }
        return true
    }

    /// Nil where a read has no write that it can have read.
    private func groups() -> [Group]? {
        // What the register has before all writes, as if written before all calls: times are moved by one.
        var groups: [UInt64?: Group] = [.none: Group(firstAnswer: 0, lastCall: 0, calledAt: 0, hasReads: true)]
        var answered: Set<UInt64?> = [.none]
        for operation in operations {
            guard case .write(let write) = operation.operation else { continue }
            let call = operation.calledAt + 1
            groups[write.value] = Group(
                firstAnswer: operation.answer.map { $0.at + 1 } ?? .max,
                lastCall: call,
                calledAt: call
            )
            if operation.answer != nil { answered.insert(write.value) }
        }
        for operation in operations {
            guard let answer = operation.answer, case .value(let value) = answer.result else { continue }
            guard var group = groups[value], answer.at + 1 >= group.calledAt else { return nil }
            group.firstAnswer = min(group.firstAnswer, answer.at + 1)
            group.lastCall = max(group.lastCall, operation.calledAt + 1)
            group.hasReads = true
            groups[value] = group
        }
        // What nobody answered and nobody read may never have happened.
        return groups.filter { answered.contains($0.key) || $0.value.hasReads }.map(\.value)
    }
}
