internal import CRocksDB
internal import Glibc

/// A node's RocksDB: keys and values are bytes, the write-ahead log is off (ours is the log), and there is one
/// column family, so that whatever is flushed is flushed atomically with the applied indexes beside it.
///
/// Calls block; those that may touch the disk belong off the event loops where latency matters. Thread-safe, as
/// RocksDB is. Closes when the last reference goes; what was not flushed is lost then.
package final class Database: @unchecked Sendable {
    // Safe to share: RocksDB's handles may be used from any thread, and these are never reassigned.
    private let handle: OpaquePointer
    private let options: OptionHandles

    /// - Parameter path: a directory of RocksDB's own, created if it is not there.
    package init(
        path: String,
        options: DatabaseOptions = DatabaseOptions(),
        merge: @escaping MergeFunction
    ) throws(StoreError) {
        guard let handles = OptionHandles(options, merge: merge) else {
            throw .other("RocksDB cannot allocate its options")
        }
        let opened = try Database.check { error in rocksdb_open(handles.database, path, error) }
        guard let opened else { throw .other("RocksDB opened nothing at \(path)") }
        handle = opened
        self.options = handles
    }

    /// Opens a database that nobody has open, to look at it: nothing is written.
    package init(readOnlyAt path: String, merge: @escaping MergeFunction) throws(StoreError) {
        guard let handles = OptionHandles(DatabaseOptions(), merge: merge) else {
            throw .other("RocksDB cannot allocate its options")
        }
        let opened = try Database.check { error in rocksdb_open_for_read_only(handles.database, path, 0, error) }
        guard let opened else { throw .other("RocksDB opened nothing at \(path)") }
        handle = opened
        options = handles
    }

    deinit {
        rocksdb_close(handle)
    }

    /// A copy of the value, or nil where there is none.
    package func value(for key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try withValue(for: key) { Array($0) }
    }

    /// Lets `body` read the value in place, where there is one. The bytes are valid during the call only.
    package func withValue<Result>(
        for key: [UInt8],
        _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(StoreError) -> Result? {
        try withValue(for: key, reading: options.read, body)
    }

    /// The value as it would be read after a crash now: what is in files, without the memtables.
    package func persistedValue(for key: [UInt8]) throws(StoreError) -> [UInt8]? {
        try withValue(for: key, reading: options.readPersisted) { Array($0) }
    }

    private func withValue<Result>(
        for key: [UInt8],
        reading readOptions: OpaquePointer,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(StoreError) -> Result? {
        let slice = try Database.check { error in
            key.withUnsafeBytes { bytes in
                rocksdb_get_pinned(
                    handle,
                    readOptions,
                    bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
                    bytes.count,
                    error
                )
            }
        }
        guard let slice else { return nil }
        defer { rocksdb_pinnableslice_destroy(slice) }
        var length = 0
        let start = rocksdb_pinnableslice_value(slice, &length)
        return body(UnsafeRawBufferPointer(start: start, count: length))
    }

    /// Applies the batch atomically. It survives a crash only once flushed.
    package func write(_ batch: WriteBatch) throws(StoreError) {
        try Database.check { error in rocksdb_write(handle, options.write, batch.handle, error) }
    }

    /// Writes the memtables to files and waits: everything written before survives a crash then.
    package func flush() throws(StoreError) {
        try Database.check { error in rocksdb_flush(handle, options.flush, error) }
    }

    /// Ends compactions that are under way, and waits for that: nothing is written any more. A process that ends without it waits until
    /// they are complete, for seconds or minutes, and the next one cannot have the directory before.
    package func endBackgroundWork() {
        rocksdb_cancel_all_background_work(handle, 1)
    }

    /// Deletes everything under a prefix. It is gone for good once that is flushed.
    package func erase(prefix: [UInt8]) throws(StoreError) {
        guard let end = KeyIterator.successor(of: prefix) else { throw .other("a prefix without an end") }
        let batch = WriteBatch()
        batch.deleteRange(from: prefix, to: end)
        try write(batch)
    }

    /// Puts what table files hold in the place of everything under a prefix. Durable once it returns; after a crash before
    /// that, there is the one, nothing, or the other.
    ///
    /// - Parameter paths: files of a `TableWriter` with keys under the prefix; they are moved.
    package func replace(prefix: [UInt8], withTables paths: [String]) throws(StoreError) {
        try erase(prefix: prefix)
        // RocksDB 7.8 may put files in front of newer memtables with keys in their range: there must be none.
        try flush()
        guard !paths.isEmpty else { return }
        let ingest = rocksdb_ingestexternalfileoptions_create()
        defer { rocksdb_ingestexternalfileoptions_destroy(ingest) }
        rocksdb_ingestexternalfileoptions_set_move_files(ingest, 1)
        var copies = paths.map { UnsafePointer(strdup($0)) }
        defer {
            for copy in copies {
                free(UnsafeMutablePointer(mutating: copy))
            }
        }
        try Database.check { error in
            rocksdb_ingest_external_file(handle, &copies, copies.count, ingest, error)
        }
    }

    /// Gives back the space of what was deleted under a prefix, and waits for that. Other compactions go on.
    package func compact(prefix: [UInt8]) {
        guard let options = rocksdb_compactoptions_create() else { return }
        defer { rocksdb_compactoptions_destroy(options) }
        rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0)
        Database.withRange(of: prefix) { first, last in
            rocksdb_compact_range_opt(handle, options, first.baseAddress, first.count, last.baseAddress, last.count)
        }
    }

    /// About how many bytes of files hold what is under a prefix; 0 where that is not known.
    package func approximateBytes(prefix: [UInt8]) -> UInt64 {
        var bytes: UInt64 = 0
        Database.withRange(of: prefix) { first, last in
            var (start, startLength, limit, limitLength) = (
                first.baseAddress, first.count, last.baseAddress, last.count
            )
            var message: UnsafeMutablePointer<CChar>?
            rocksdb_approximate_sizes(handle, 1, &start, &startLength, &limit, &limitLength, &bytes, &message)
            if let message { rocksdb_free(message) }
        }
        return bytes
    }

    /// Lets `body` read the first key under a prefix and the first behind all of them, as the C interface takes them. Not called for
    /// a prefix without an end.
    private static func withRange(
        of prefix: [UInt8],
        _ body: (_ first: UnsafeBufferPointer<CChar>, _ end: UnsafeBufferPointer<CChar>) -> Void
    ) {
        guard let end = KeyIterator.successor(of: prefix) else { return }
        prefix.withUnsafeBytes { first in
            end.withUnsafeBytes { last in
                body(first.bindMemory(to: CChar.self), last.bindMemory(to: CChar.self))
            }
        }
    }

    /// Walks the keys that begin with `prefix`, in order.
    package func scan(prefix: [UInt8]) -> KeyIterator {
        KeyIterator(database: self, handle: handle, prefix: prefix)
    }

    /// One of RocksDB's integer properties, such as `rocksdb.estimate-num-keys`; nil where it has no such one.
    package func property(_ name: String) -> UInt64? {
        guard let text = rocksdb_property_value(handle, name) else { return nil }
        defer { rocksdb_free(text) }
        return UInt64(String(cString: text))
    }

    /// Runs a call of the C interface and turns its error text into a typed error.
    static func check<Result>(
        _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) throws(StoreError) -> Result {
        var message: UnsafeMutablePointer<CChar>?
        let result = call(&message)
        if let message {
            let error = StoreError(rocksDB: String(cString: message))
            rocksdb_free(message)
            throw error
        }
        return result
    }
}
