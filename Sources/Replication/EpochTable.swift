package import Model

/// With which index each epoch begins in a log: two logs agree up to an index where they have the same epoch there.
///
/// After Kafka's KIP-101: an index alone does not say which of two primaries wrote the entry.
package struct EpochTable: Hashable, Sendable {
    private struct Start: Hashable, Sendable {
        let epoch: UInt64
        let first: LogIndex
    }

    /// Nobody is so far behind: who is is sent a snapshot, as if the log began later.
    private static let mostEpochs = 4_096

    private var starts: [Start] = []
    /// The last entry; 0 where there is none.
    package private(set) var last: LogIndex = 0

    package init() {}

    /// A log whose entries up to `index` are known by their last epoch only.
    package init(startingBehind index: LogIndex, epoch: UInt64) {
        last = index
        if index > 0 { starts = [Start(epoch: epoch, first: index)] }
    }

    /// The last entry's epoch; 0 where there is none.
    package var lastEpoch: UInt64 { starts.last?.epoch ?? 0 }

    /// The epoch of the entry at `index`, 0 before the first; nil where the table does not know.
    package func epoch(at index: LogIndex) -> UInt64? {
        if index == 0 { return 0 }
        guard index <= last else { return nil }
        return starts.last { $0.first <= index }?.epoch
    }

    /// The last index before the epoch of the entry at `index` began: how far back a log may have to go that has
    /// another epoch there.
    package func indexBeforeEpoch(at index: LogIndex) -> LogIndex {
        guard let start = starts.last(where: { $0.first <= index }) else { return 0 }
        return start.first - 1
    }

    /// Whether the last epoch is known to have more than one entry.
    package var hasGoneOn: Bool { starts.last.map { $0.first < last } ?? false }

    package mutating func append(epoch: UInt64) {
        last += 1
        guard epoch != lastEpoch else { return }
        if starts.count == EpochTable.mostEpochs { starts.removeFirst() }
        starts.append(Start(epoch: epoch, first: last))
    }

    package mutating func truncate(after index: LogIndex) {
        last = min(last, index)
        while let start = starts.last, start.first > last {
            starts.removeLast()
        }
    }
}
