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

    /// Puts a snapshot in the place of everything that the database has of a partition, which must not be open. Blocks.
    package static func replace(
        _ id: PartitionID,
        in database: Database,
        withTables paths: [String]
    ) throws(PartitionFailure) {
        do throws(StoreError) {
            try database.replace(prefix: Keys.all(of: id), withTables: paths)
        } catch {
            throw .store(error)
        }
    }

    /// Whether the database has anything of a partition. May read the disk.
    package static func isStored(_ id: PartitionID, in database: Database) throws(PartitionFailure) -> Bool {
        do throws(StoreError) {
            var iterator = database.scan(prefix: Keys.all(of: id))
            return try iterator.next() != nil
        } catch {
            throw .store(error)
        }
    }

    /// Takes away all that the database has of a partition, which must not be open. After a crash it may be there again.
    package static func erase(_ id: PartitionID, in database: Database) throws(PartitionFailure) {
        do throws(StoreError) {
            try database.erase(prefix: Keys.all(of: id))
        } catch {
            throw .store(error)
        }
    }

    /// The same, for good. Blocks.
    ///
    /// - Returns: about how many bytes of files it took.
    package static func remove(_ id: PartitionID, from database: Database) throws(PartitionFailure) -> UInt64 {
        let bytes = database.approximateBytes(prefix: Keys.all(of: id))
        try replace(id, in: database, withTables: [])
        return bytes
    }

    /// Gives the space back of what was taken away. Blocks, for as long as a compaction of the partition takes.
    package static func reclaim(_ id: PartitionID, in database: Database) {
        database.compact(prefix: Keys.all(of: id))
    }

    /// Whether a snapshot of a partition may have such a key.
    package static func owns(_ key: [UInt8], partition: PartitionID) -> Bool {
        key.count > 2 && key.starts(with: Keys.all(of: partition))
    }
}
