package import DequeModule
package import Model

/// An entry of the log whose effects the store does not have.
package struct UnappliedEntry {
    let epoch: UInt64
    package let index: LogIndex
    /// Nil where the entry only begins an epoch.
    let entry: LogEntry?
    /// Of its payload.
    let bytes: Int
    var origin: Origin

    package init(epoch: UInt64, index: LogIndex, entry: LogEntry?, bytes: Int, origin: Origin) {
        self.epoch = epoch
        self.index = index
        self.entry = entry
        self.bytes = bytes
        self.origin = origin
    }
}

/// What a replica's log holds and its partition has not taken up, in order.
package struct UnappliedEntries: Sequence {
    private var entries: Deque<UnappliedEntry> = []
    /// Of all payloads.
    package private(set) var bytes = 0

    package init() {}

    package var count: Int { entries.count }
    package func makeIterator() -> Deque<UnappliedEntry>.Iterator { entries.makeIterator() }
    package var origins: [Origin] { entries.map(\.origin) }

    package mutating func append(_ entry: UnappliedEntry) {
        entries.append(entry)
        bytes += entry.bytes
    }

    /// The first entry, if it is none behind `last`.
    package func first(upTo last: LogIndex) -> UnappliedEntry? {
        entries.first.flatMap { $0.index <= last ? $0 : nil }
    }

    package mutating func removeFirst() {
        bytes -= entries.removeFirst().bytes
    }

    /// - Returns: who waited for what was removed.
    package mutating func removeAll(behind last: LogIndex) -> [Origin] {
        var removed: [Origin] = []
        while let entry = entries.last, entry.index > last {
            removed.append(entry.origin)
            bytes -= entry.bytes
            entries.removeLast()
        }
        return removed
    }

    /// Nobody waits for entries behind `last` any more.
    ///
    /// - Returns: who did.
    package mutating func disown(behind last: LogIndex) -> [Origin] {
        var disowned: [Origin] = []
        for position in entries.indices where entries[position].index > last {
            disowned.append(entries[position].origin)
            entries[position].origin = .own
        }
        return disowned
    }

    package mutating func removeAll() {
        entries = []
        bytes = 0
    }
}
