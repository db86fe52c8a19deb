internal import DequeModule
package import Model

/// One replica's log as its protocol sees it: which entries there are, which are durable, and the newest ones
/// themselves, to be sent without reading them back.
package struct ReplicaLog {
    /// A write to the log that has not been reported durable.
    private struct Write {
        let ticket: UInt64
        /// The last entry that it makes durable; less where later writes have replaced it.
        var last: LogIndex
    }

    package private(set) var epochs: EpochTable
    package private(set) var durable: LogIndex
    /// Entries `epochs.last - recent.count + 1` to `epochs.last`.
    private var recent: Deque<ReplicatedEntry> = []
    private var recentBytes = 0
    private var writes: Deque<Write> = []
    private var lastTicket: UInt64 = 0
    private let largestRecentBytes: Int

    /// - Parameters:
    ///   - epochs: of the log that was found; all of it is durable.
    ///   - largestRecentBytes: about how much of the log is kept in memory.
    package init(epochs: EpochTable, largestRecentBytes: Int) {
        self.epochs = epochs
        self.largestRecentBytes = largestRecentBytes
        durable = epochs.last
    }

    package var last: LogIndex { epochs.last }

    /// An array has a header, and an entry its numbers.
    private static func memory(of entry: ReplicatedEntry) -> Int { entry.payload.count + 56 }

    /// Adds entries behind the last one.
    ///
    /// - Returns: the ticket with which they are to be reported durable.
    package mutating func append(_ entries: some Sequence<ReplicatedEntry>) -> UInt64 {
        for entry in entries {
            epochs.append(epoch: entry.epoch)
            recent.append(entry)
            recentBytes += ReplicaLog.memory(of: entry)
        }
        while recentBytes > largestRecentBytes, recent.count > 1, let first = recent.popFirst() {
            recentBytes -= ReplicaLog.memory(of: first)
        }
        lastTicket += 1
        writes.append(Write(ticket: lastTicket, last: last))
        return lastTicket
    }

    /// A snapshot has taken the place of everything up to an entry. Writes from before make nothing durable any more.
    package mutating func restart(behind index: LogIndex, epoch: UInt64) {
        epochs = EpochTable(startingBehind: index, epoch: epoch)
        durable = index
        recent = []
        recentBytes = 0
        writes = []
    }

    /// Takes entries away: another primary has put others in their place.
    package mutating func truncate(after index: LogIndex) {
        epochs.truncate(after: index)
        while let entry = recent.last, entry.index > index {
            recentBytes -= ReplicaLog.memory(of: entry)
            recent.removeLast()
        }
        durable = min(durable, index)
        for position in writes.indices {
            writes[position].last = min(writes[position].last, index)
        }
    }

    /// The log holds everything up to a ticket durably.
    package mutating func persisted(_ ticket: UInt64) {
        while let write = writes.first, write.ticket <= ticket {
            durable = max(durable, write.last)
            writes.removeFirst()
        }
    }

    /// Entries from `first` on, at most so many; nil where memory no longer has the first of them.
    package func entries(from first: LogIndex, limit: Int) -> [ReplicatedEntry]? {
        if first > last { return [] }
        let oldest = last - LogIndex(recent.count) + 1
        guard first >= oldest else { return nil }
        return Array(recent.dropFirst(Int(first - oldest)).prefix(limit))
    }
}
