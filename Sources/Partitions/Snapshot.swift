package import Model
package import Store

/// A partition as it is at one moment, read a page at a time, for a replica that has to begin anew.
///
/// Home lists are left out: they are a cache.
package final class PartitionSnapshot: @unchecked Sendable {
    // Safe to share: whoever reads it asks for a page only when it has the one before, so one thread at a time does.

    /// The last entry whose effects it has.
    package let index: LogIndex
    /// Of that entry.
    package let epoch: UInt64
    private var iterator: KeyIterator

    fileprivate init(index: LogIndex, epoch: UInt64, iterator: consuming KeyIterator) {
        self.index = index
        self.epoch = epoch
        self.iterator = iterator
    }

    /// The next records; none at the end.
    ///
    /// - Parameter bytes: about how many; one record is returned however large it is.
    package func next(bytes: Int) throws(StoreError) -> [StoredRecord] {
        var records: [StoredRecord] = []
        var size = 0
        while size < bytes, let (key, value) = try iterator.next() {
            guard !Keys.isOfHomeLists(key) else { continue }
            records.append(StoredRecord(key: key, value: value))
            size += key.count + value.count
        }
        return records
    }
}

extension Partition {
    /// The partition as of `appliedIndex`; nil while the store lacks the last entry.
    package func snapshot() -> PartitionSnapshot? {
        guard isCommitted else { return nil }
        return PartitionSnapshot(
            index: appliedIndex,
            epoch: lastEpoch,
            iterator: database.scan(prefix: Keys.all(of: id))
        )
    }

    /// Whether a snapshot of a partition may have such a key.
    package static func owns(_ key: [UInt8], partition: PartitionID) -> Bool {
        key.count > 2 && key.starts(with: Keys.all(of: partition))
    }
}
