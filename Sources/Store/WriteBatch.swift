internal import CRocksDB

/// Changes that become visible together or not at all. Confined to one thread until it is written.
package final class WriteBatch {
    let handle: OpaquePointer?

    package init() {
        handle = rocksdb_writebatch_create()
    }

    deinit {
        rocksdb_writebatch_destroy(handle)
    }

    package func put(_ key: [UInt8], _ value: [UInt8]) {
        withBytes(key, value) { key, keyLength, value, valueLength in
            rocksdb_writebatch_put(handle, key, keyLength, value, valueLength)
        }
    }

    /// Joins `operand` with what is stored under `key`, by the database's merge function.
    package func merge(_ key: [UInt8], _ operand: [UInt8]) {
        withBytes(key, operand) { key, keyLength, value, valueLength in
            rocksdb_writebatch_merge(handle, key, keyLength, value, valueLength)
        }
    }

    package func delete(_ key: [UInt8]) {
        withBytes(key, []) { key, keyLength, _, _ in
            rocksdb_writebatch_delete(handle, key, keyLength)
        }
    }

    /// Deletes a key that was put once since it was last deleted, and never joined with an operand: where both are still
    /// in memory, neither is written to a file.
    package func deleteOnce(_ key: [UInt8]) {
        withBytes(key, []) { key, keyLength, _, _ in
            rocksdb_writebatch_singledelete(handle, key, keyLength)
        }
    }

    /// Deletes everything from a key to another, which is not deleted. For a whole partition: reads pay for each such
    /// range that has not been compacted away.
    package func deleteRange(from start: [UInt8], to end: [UInt8]) {
        withBytes(start, end) { start, startLength, end, endLength in
            rocksdb_writebatch_delete_range(handle, start, startLength, end, endLength)
        }
    }

    /// How many changes it holds.
    package var count: Int { Int(rocksdb_writebatch_count(handle)) }

    /// Forgets all changes, so that the batch can be used again.
    package func clear() {
        rocksdb_writebatch_clear(handle)
    }

    private func withBytes(
        _ key: [UInt8],
        _ value: [UInt8],
        _ body: (UnsafePointer<CChar>?, Int, UnsafePointer<CChar>?, Int) -> Void
    ) {
        key.withUnsafeBytes { key in
            value.withUnsafeBytes { value in
                body(
                    key.baseAddress?.assumingMemoryBound(to: CChar.self),
                    key.count,
                    value.baseAddress?.assumingMemoryBound(to: CChar.self),
                    value.count
                )
            }
        }
    }
}
