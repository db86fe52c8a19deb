internal import Model
internal import NIOCore
internal import Partitions

/// Writes that are applied and wait for what other partitions make of them, each for a limited time.
struct SettlementWaiters {
    struct Waiter {
        let write: Replica.Write
        /// What the write is answered when the time is over; nil where its outcome is unknown then.
        let fallback: Answer?
        let deadline: NIODeadline
    }

    private var waiters: [Settlement: [Waiter]] = [:]

    mutating func add(_ waiter: Waiter, for settlement: Settlement) {
        waiters[settlement, default: []].append(waiter)
    }

    /// Takes out who waits for something that is settled.
    mutating func take(_ settlement: Settlement) -> [Waiter] {
        waiters.removeValue(forKey: settlement) ?? []
    }

    /// Takes out who has waited long enough.
    mutating func takeExpired(now: NIODeadline) -> [Waiter] {
        var expired: [Waiter] = []
        for (settlement, group) in waiters where group.contains(where: { $0.deadline <= now }) {
            let left = group.filter { $0.deadline > now }
            waiters[settlement] = left.isEmpty ? nil : left
            expired.append(contentsOf: group.filter { $0.deadline <= now })
        }
        return expired
    }

    mutating func takeAll() -> [Waiter] {
        defer { waiters = [:] }
        return waiters.values.flatMap { $0 }
    }
}
