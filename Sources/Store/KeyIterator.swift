internal import CRocksDB
internal import Glibc

/// Walks the keys under a prefix, in order, over a consistent view of the database as of its creation.
package struct KeyIterator: ~Copyable {
    private let database: Database
    private let options: OpaquePointer?
    private let iterator: OpaquePointer?
    private let prefix: [UInt8]
    // RocksDB keeps the pointer of the upper bound, so it lives as long as the iterator.
    private let upperBound: UnsafeMutablePointer<CChar>?

    init(database: Database, handle: OpaquePointer, prefix: [UInt8]) {
        self.database = database
        self.prefix = prefix
        options = rocksdb_readoptions_create()
        if let bound = KeyIterator.successor(of: prefix) {
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bound.count)
            for (offset, byte) in bound.enumerated() {
                copy[offset] = CChar(bitPattern: byte)
            }
            rocksdb_readoptions_set_iterate_upper_bound(options, copy, bound.count)
            upperBound = copy
        } else {
            upperBound = nil
        }
        iterator = rocksdb_create_iterator(handle, options)
        seek(to: prefix)
    }

    deinit {
        rocksdb_iter_destroy(iterator)
        rocksdb_readoptions_destroy(options)
        upperBound?.deallocate()
    }

    /// Moves to the first key at or behind `key`.
    package func seek(to key: [UInt8]) {
        key.withUnsafeBytes { bytes in
            rocksdb_iter_seek(iterator, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), bytes.count)
        }
    }

    /// The next key and value, or nil at the end.
    ///
    /// - Throws: where the disk or the data failed; the end is then not the end.
    package mutating func next() throws(StoreError) -> (key: [UInt8], value: [UInt8])? {
        guard rocksdb_iter_valid(iterator) != 0 else {
            try checkStatus()
            return nil
        }
        var keyLength = 0
        var valueLength = 0
        let key = rocksdb_iter_key(iterator, &keyLength)
        let value = rocksdb_iter_value(iterator, &valueLength)
        let pair = (
            key: Array(UnsafeRawBufferPointer(start: key, count: keyLength)),
            value: Array(UnsafeRawBufferPointer(start: value, count: valueLength))
        )
        rocksdb_iter_next(iterator)
        return pair
    }

    private func checkStatus() throws(StoreError) {
        var message: UnsafeMutablePointer<CChar>?
        rocksdb_iter_get_error(iterator, &message)
        if let message {
            let error = StoreError(rocksDB: String(cString: message))
            rocksdb_free(message)
            throw error
        }
    }

    /// The first key behind all that begin with `prefix`; nil where there is none.
    static func successor(of prefix: [UInt8]) -> [UInt8]? {
        var bound = prefix
        while let last = bound.popLast() {
            if last < 0xff {
                bound.append(last + 1)
                return bound
            }
        }
        return nil
    }
}
