internal import CChecksum
internal import Model

/// The bytes of a segment: a header, then batches, each with a header of its own and its records.
///
/// Every batch says how far the log had been synced when it was written. That tells damage from a torn tail: what
/// lies below a synced offset was whole once, what lies above may never have been.
package enum BatchFormat {
    static let segmentMagic: UInt32 = 0x534c_4b52  // "RKLS"
    static let batchMagic: UInt32 = 0x424c_4b52  // "RKLB"
    static let version: UInt32 = 1
    package static let segmentHeaderSize = 20
    static let batchHeaderSize = 32
    static let recordHeaderSize = 26
    /// No batch is larger, so that a damaged length cannot make the reader allocate at will.
    static let largestBody = 256 << 20

    struct BatchHeader: Equatable {
        let bodyLength: Int
        let recordCount: Int
        /// The offset, in the whole log's bytes, below which everything was synced when the batch was written.
        let syncedThrough: UInt64
        /// The batch's own offset in the whole log's bytes: a stale batch at another place is not one of ours.
        let offset: UInt64
    }

    package static func segmentHeader(base: UInt64) -> [UInt8] {
        var writer = BinaryWriter(reservingCapacity: segmentHeaderSize)
        writer.writeFixed(segmentMagic)
        writer.writeFixed(version)
        writer.writeFixed(base)
        writer.writeFixed(checksum(writer.bytes))
        return writer.bytes
    }

    /// Whether a segment's header is as it was written, by whatever version.
    static func isWholeSegmentHeader(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == segmentHeaderSize else { return false }
        let size = segmentHeaderSize - MemoryLayout<UInt32>.size
        var reader = BinaryReader(Array(bytes[size...]))
        return (try? reader.readFixed(UInt32.self)) == checksum(Array(bytes[..<size]))
    }

    package static func batch(_ records: [LogRecord], offset: UInt64, syncedThrough: UInt64) -> [UInt8] {
        let bodyLength = records.reduce(0) { $0 + recordHeaderSize + $1.payload.count }
        var writer = BinaryWriter(reservingCapacity: batchHeaderSize + bodyLength)
        writer.writeRaw(
            header(bodyLength: bodyLength, recordCount: records.count, offset: offset, syncedThrough: syncedThrough)
        )
        for record in records {
            writer.writeFixed(UInt32(record.payload.count))
            var head = BinaryWriter(reservingCapacity: recordHeaderSize)
            head.write(record.partition)
            head.writeFixed(record.epoch)
            head.writeFixed(record.index)
            writer.writeFixed(checksum(record.payload, seed: checksum(head.bytes)))
            writer.writeRaw(head.bytes)
            writer.writeRaw(record.payload)
        }
        return writer.bytes
    }

    package static func header(
        bodyLength: Int,
        recordCount: Int,
        offset: UInt64,
        syncedThrough: UInt64
    ) -> [UInt8] {
        var writer = BinaryWriter(reservingCapacity: batchHeaderSize)
        writer.writeFixed(batchMagic)
        writer.writeFixed(UInt32(bodyLength))
        writer.writeFixed(UInt32(recordCount))
        writer.writeFixed(syncedThrough)
        writer.writeFixed(offset)
        writer.writeFixed(checksum(writer.bytes))
        return writer.bytes
    }

    /// The header at the start of `bytes`, if it is whole and belongs at `offset`.
    static func batchHeader(_ bytes: ArraySlice<UInt8>, at offset: UInt64) -> BatchHeader? {
        guard bytes.count >= batchHeaderSize else { return nil }
        let head = Array(bytes.prefix(batchHeaderSize))
        var reader = BinaryReader(head)
        guard let magic = try? reader.readFixed(UInt32.self), magic == batchMagic,
            let bodyLength = try? reader.readFixed(UInt32.self), Int(bodyLength) <= largestBody,
            let recordCount = try? reader.readFixed(UInt32.self),
            let syncedThrough = try? reader.readFixed(UInt64.self),
            let stored = try? reader.readFixed(UInt64.self), stored == offset,
            let check = try? reader.readFixed(UInt32.self), check == checksum(Array(head.dropLast(4)))
        else { return nil }
        return BatchHeader(
            bodyLength: Int(bodyLength),
            recordCount: Int(recordCount),
            syncedThrough: syncedThrough,
            offset: stored
        )
    }

    /// What is wrong with a batch's body, and whose record it is as far as one can read it.
    struct Damage: Error {
        let partition: PartitionID?
        let what: String
    }

    static func records(in body: [UInt8], count: Int) throws(Damage) -> [LogRecord] {
        var records: [LogRecord] = []
        records.reserveCapacity(min(count, body.count / recordHeaderSize))
        var reader = BinaryReader(body)
        for _ in 0..<count {
            records.append(try record(from: &reader))
        }
        guard reader.remaining == 0 else { throw Damage(partition: nil, what: "bytes behind the last record") }
        return records
    }

    private static func record(from reader: inout BinaryReader) throws(Damage) -> LogRecord {
        guard reader.remaining >= recordHeaderSize,
            let length = try? reader.readFixed(UInt32.self),
            let check = try? reader.readFixed(UInt32.self),
            let partition = try? reader.readFixed(UInt16.self),
            let epoch = try? reader.readFixed(UInt64.self),
            let index = try? reader.readFixed(UInt64.self)
        else { throw Damage(partition: nil, what: "the batch ends inside a record") }
        let legible = Int(partition) < PartitionLayout.largestCount ? PartitionID(partition) : nil
        guard let payload = try? reader.readRaw(count: Int(length)) else {
            throw Damage(partition: legible, what: "a record is longer than its batch")
        }
        var head = BinaryWriter(reservingCapacity: recordHeaderSize)
        head.write(PartitionID(partition))
        head.writeFixed(epoch)
        head.writeFixed(index)
        guard check == checksum(payload, seed: checksum(head.bytes)), let legible else {
            throw Damage(partition: legible, what: "a record's checksum does not match")
        }
        return LogRecord(partition: legible, epoch: epoch, index: index, payload: payload)
    }

    static func checksum(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        bytes.withUnsafeBytes { rookery_crc32c(seed, $0.baseAddress, $0.count) }
    }
}
