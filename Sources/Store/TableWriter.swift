internal import CRocksDB
internal import Glibc

/// Writes keys and values, given in their order, to table files that a database can take in whole.
///
/// What is not ingested is removed with it.
package final class TableWriter: @unchecked Sendable {
    // Safe to share: whoever writes waits for one call before the next, so one thread at a time does.

    private let directory: String
    private let name: String
    private let largestFile: UInt64
    private let environment: OpaquePointer?
    private let options: OpaquePointer?
    private var writer: OpaquePointer?
    /// The finished files, and the one being written.
    package private(set) var paths: [String] = []

    /// - Parameters:
    ///   - name: what the files' names begin with.
    ///   - largestFile: bytes at which a file is finished and another begun.
    package init(directory: String, name: String, largestFile: UInt64 = 64 << 20) {
        self.directory = directory
        self.name = name
        self.largestFile = largestFile
        environment = rocksdb_envoptions_create()
        options = rocksdb_options_create()
        rocksdb_options_set_compression(options, Int32(rocksdb_lz4_compression))
    }

    deinit {
        if let writer { rocksdb_sstfilewriter_destroy(writer) }
        rocksdb_envoptions_destroy(environment)
        rocksdb_options_destroy(options)
        for path in paths {
            unlink(path)
        }
    }

    /// - Parameter key: behind all keys before.
    package func put(_ key: [UInt8], _ value: [UInt8]) throws(StoreError) {
        let writer: OpaquePointer
        if let open = self.writer { writer = open } else { writer = try begin() }
        try Database.check { error in
            key.withUnsafeBytes { key in
                value.withUnsafeBytes { value in
                    rocksdb_sstfilewriter_put(
                        writer,
                        key.baseAddress?.assumingMemoryBound(to: CChar.self),
                        key.count,
                        value.baseAddress?.assumingMemoryBound(to: CChar.self),
                        value.count,
                        error
                    )
                }
            }
        }
        var size: UInt64 = 0
        rocksdb_sstfilewriter_file_size(writer, &size)
        if size >= largestFile { try finish() }
    }

    /// Makes the last file whole and durable.
    package func finish() throws(StoreError) {
        guard let writer else { return }
        try Database.check { error in rocksdb_sstfilewriter_finish(writer, error) }
        rocksdb_sstfilewriter_destroy(writer)
        self.writer = nil
    }

    private func begin() throws(StoreError) -> OpaquePointer {
        guard let writer = rocksdb_sstfilewriter_create(environment, options) else {
            throw .other("RocksDB cannot allocate a table writer")
        }
        self.writer = writer
        let path = "\(directory)/\(name).\(paths.count).sst"
        paths.append(path)
        try Database.check { error in rocksdb_sstfilewriter_open(writer, path, error) }
        return writer
    }
}
