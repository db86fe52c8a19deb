package import Model

/// How far a replica's log has come: each moment of an entry's life is a position of its own.
///
/// `applied <= committed <= durable <= appended`. With one replica an entry is committed as soon as it is durable.
package struct ReplicaProgress: Equatable, Sendable {
    /// The last entry given to the log.
    package private(set) var appended: LogIndex
    /// The last entry that the log holds durably.
    package private(set) var durable: LogIndex
    /// The last entry that all replicas hold durably.
    package private(set) var committed: LogIndex
    /// The last entry whose effects reads see.
    package private(set) var applied: LogIndex

    /// - Parameter recovered: the last entry found, durable and applied, when the replica was opened.
    package init(recovered: LogIndex) {
        appended = recovered
        durable = recovered
        committed = recovered
        applied = recovered
    }

    /// - Returns: the index of the entry being appended.
    package mutating func append() -> LogIndex {
        appended += 1
        return appended
    }

    /// The log holds everything up to `index`.
    package mutating func makeDurable(upTo index: LogIndex) {
        durable = max(durable, min(index, appended))
        committed = durable
    }

    /// - Returns: the next entry to apply, or nil where none is committed.
    package mutating func applyNext() -> LogIndex? {
        guard applied < committed else { return nil }
        applied += 1
        return applied
    }
}
