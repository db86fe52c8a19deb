package import Model
package import NIOCore
package import Partitions

/// Writes that are applied and wait for what other partitions make of them, each for a limited time.
package struct SettlementWaiters<Write> {
    package struct Waiter {
        package let write: Write
        /// What the write is answered when all is settled, or the time is over; nil where it is answered what the
        /// settlement says, and where its outcome is unknown when the time is over.
        package let fallback: Answer?
        package let deadline: NIODeadline

        package init(write: Write, fallback: Answer?, deadline: NIODeadline) {
            self.write = write
            self.fallback = fallback
            self.deadline = deadline
        }
    }

    private struct Waiting {
        let waiter: Waiter
        var unsettled: Set<Settlement>
    }

    private var waiting: [UInt64: Waiting] = [:]
    private var bySettlement: [Settlement: [UInt64]] = [:]
    private var lastNumber: UInt64 = 0

    package init() {}

    package mutating func add(_ waiter: Waiter, for settlements: [Settlement]) {
        lastNumber += 1
        waiting[lastNumber] = Waiting(waiter: waiter, unsettled: Set(settlements))
        for settlement in settlements {
            bySettlement[settlement, default: []].append(lastNumber)
        }
    }

    /// Takes out who has nothing left to wait for when something is settled.
    package mutating func take(_ settlement: Settlement) -> [Waiter] {
        var taken: [Waiter] = []
        for number in bySettlement.removeValue(forKey: settlement) ?? [] {
            waiting[number]?.unsettled.remove(settlement)
            if waiting[number]?.unsettled.isEmpty == true, let settled = waiting.removeValue(forKey: number) {
                taken.append(settled.waiter)
            }
        }
        return taken
    }

    /// Takes out who has waited long enough.
    package mutating func takeExpired(now: NIODeadline) -> [Waiter] {
        let expired = waiting.filter { $0.value.waiter.deadline <= now }.sorted { $0.key < $1.key }
        for (number, late) in expired {
            waiting[number] = nil
            for settlement in late.unsettled {
                let left = bySettlement[settlement]?.filter { $0 != number } ?? []
                bySettlement[settlement] = left.isEmpty ? nil : left
            }
        }
        return expired.map(\.value.waiter)
    }

    package mutating func takeAll() -> [Waiter] {
        defer {
            waiting = [:]
            bySettlement = [:]
        }
        return waiting.values.map(\.waiter)
    }
}
