internal import CChecksum
internal import Model
internal import Store

/// The effects of log entries: reads see the writes before them, and all of it is written at once. What several entries
/// write under one key is written as the last of them left it.
final class Transaction {
    private let database: Database
    private let batch = WriteBatch()
    private var overlay: [[UInt8]: [UInt8]?] = [:]
    /// What no read of the transaction asks for, and behind `seal` all of it.
    private var changes = KeyedChanges()
    /// Of the effects on the truth since it was taken last, in whatever order they came.
    private var checksum: UInt64 = 0
    /// Whether the store has refused the effects: they are to be committed again, and reads do not see them.
    private var isRefused = false

    init(database: Database) {
        self.database = database
    }

    func value(_ key: [UInt8]) throws(PartitionFailure) -> [UInt8]? {
        if !isRefused, let written = overlay[key] { return written }
        return try database.read(key)
    }

    /// Whether an entry has deleted what the store may have yet.
    func isDeleted(_ key: [UInt8]) -> Bool {
        if case .some(.none) = overlay[key] { true } else { false }
    }

    func contains(_ key: [UInt8]) throws(PartitionFailure) -> Bool {
        try value(key) != nil
    }

    func record<Record: BinaryDecodable>(
        _ key: [UInt8],
        as type: Record.Type = Record.self
    ) throws(PartitionFailure)
        -> Record?
    {
        guard let bytes = try value(key) else { return nil }
        return try decode(bytes)
    }

    func put(_ key: [UInt8], _ value: [UInt8]) {
        overlay[key] = .some(value)
        note(2, key, value)
    }

    func put(_ key: [UInt8], _ record: some BinaryEncodable) {
        put(key, record.encoded())
    }

    func delete(_ key: [UInt8]) {
        overlay[key] = .some(nil)
        note(1, key, [])
    }

    /// Deletes a key that no later read of this transaction asks for, and that is written blindly only.
    func deleteBlindly(_ key: [UInt8]) {
        note(1, key, [])
        changes.append(.delete, key)
    }

    /// Deletes a key that was put once, blindly, and is never put again.
    func deleteOnce(_ key: [UInt8]) {
        note(1, key, [])
        changes.append(.deleteOnce, key)
    }

    /// Joins an operand with a stored list, which is not read within the transaction that does. To be called behind `seal`. The
    /// operand says nothing new: it is stored under another key, or of a cache.
    func fold(_ key: [UInt8], _ operand: [UInt8]) {
        changes.append(.merge, key, operand)
    }

    /// Deletes a key that was put once, blindly, when what it says is stored elsewhere.
    func deleteFolded(_ key: [UInt8]) {
        changes.append(.deleteOnce, key)
    }

    /// Writes a value that no later read of this transaction asks for, under a key that is written blindly only.
    func putBlindly(_ key: [UInt8], _ value: [UInt8]) {
        note(2, key, value)
        changes.append(.put, key, value)
    }

    private func note(_ kind: UInt32, _ key: [UInt8], _ value: [UInt8]) {
        // Home lists are each replica's own.
        guard !Keys.isOfHomeLists(key) else { return }
        let name = key.withUnsafeBytes { rookery_crc32c(kind, $0.baseAddress, $0.count) }
        let content = value.withUnsafeBytes { rookery_crc32c(name, $0.baseAddress, $0.count) }
        checksum ^= StableHash.hash(UInt64(name) << 32 | UInt64(content))
    }

    /// The checksum of one entry's effects on the truth, the same on all replicas. To be called behind every entry.
    func takeChecksum() -> UInt64 {
        defer { checksum = 0 }
        return checksum
    }

    /// All entries have been applied: what they have left under each key is to be written.
    func seal() {
        for (key, value) in overlay {
            if let value {
                changes.append(.put, key, value)
            } else {
                changes.append(.delete, key)
            }
        }
    }

    /// Writes what is sealed. May be called again where the store had no space.
    func commit() throws(PartitionFailure) {
        isRefused = true
        changes.move(to: batch)
        try database.commit(batch)
        isRefused = false
        overlay.removeAll(keepingCapacity: true)
        batch.clear()
        checksum = 0
    }
}

/// Reads a stored value of ours.
func decode<Record: BinaryDecodable>(_ bytes: [UInt8]) throws(PartitionFailure) -> Record {
    do throws(BinaryDecodingError) {
        return try Record(decoding: bytes)
    } catch {
        throw .damaged("\(Record.self): \(error)")
    }
}

extension Database {
    func commit(_ batch: WriteBatch) throws(PartitionFailure) {
        do throws(StoreError) {
            try write(batch)
        } catch {
            throw .store(error)
        }
    }

    func read(_ key: [UInt8]) throws(PartitionFailure) -> [UInt8]? {
        do throws(StoreError) {
            return try value(for: key)
        } catch {
            throw .store(error)
        }
    }

    func record<Record: BinaryDecodable>(
        _ key: [UInt8],
        as type: Record.Type = Record.self
    ) throws(PartitionFailure)
        -> Record?
    {
        guard let bytes = try read(key) else { return nil }
        return try decode(bytes)
    }

    /// Calls `body` with each key under `prefix` from `start` on, until it returns false.
    func forEach(
        prefix: [UInt8],
        from start: [UInt8]? = nil,
        _ body: (_ key: [UInt8], _ value: [UInt8]) throws(PartitionFailure) -> Bool
    ) throws(PartitionFailure) {
        var iterator = scan(prefix: prefix)
        if let start { iterator.seek(to: start) }
        while true {
            let pair: (key: [UInt8], value: [UInt8])?
            do throws(StoreError) {
                pair = try iterator.next()
            } catch {
                throw .store(error)
            }
            guard let pair, try body(pair.key, pair.value) else { return }
        }
    }
}
