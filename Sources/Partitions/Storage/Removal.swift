package import Model
package import Store

/// What is stored of a partition that is not open here, and taking it away.
extension Partition {
    /// Whether the database has anything of a partition. May read the disk.
    package static func isStored(_ id: PartitionID, in database: Database) throws(PartitionFailure) -> Bool {
        var isThere = false
        try database.forEach(prefix: Keys.all(of: id)) { _, _ in
            isThere = true
            return false
        }
        return isThere
    }

    /// Takes away all that the database has of a partition, which must not be open. After a crash it may be there again.
    package static func erase(_ id: PartitionID, in database: Database) throws(PartitionFailure) {
        try onStore { () throws(StoreError) in try database.erase(prefix: Keys.all(of: id)) }
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

    /// Puts a snapshot in the place of everything that the database has of a partition, which must not be open. Blocks.
    package static func replace(
        _ id: PartitionID,
        in database: Database,
        withTables paths: [String]
    ) throws(PartitionFailure) {
        try onStore { () throws(StoreError) in try database.replace(prefix: Keys.all(of: id), withTables: paths) }
    }

    private static func onStore(_ body: () throws(StoreError) -> Void) throws(PartitionFailure) {
        do throws(StoreError) {
            try body()
        } catch {
            throw .store(error)
        }
    }
}
