package import Model

/// Where one file of the log is, and whose entries it has.
package struct SegmentExtent: Sendable {
    let name: String
    let base: UInt64
    let size: UInt64
    let entries: [PartitionID: SegmentEntries]
}

/// Reads a partition's entries back from a log that is being written.
package final class LogReader: Sendable {
    private static let blockBytes = 1 << 20

    private let fileSystem: any FileSystem

    package init(fileSystem: any FileSystem) {
        self.fileSystem = fileSystem
    }

    /// Entries from `first` on, in order. Blocks. Costs the reading of what the log has between them, and of about
    /// a 256th of a segment in front of them.
    ///
    /// - Parameters:
    ///   - epoch: of the entry that counts at an index; others at that index were replaced.
    ///   - bytes: about how many; one entry is returned however large it is.
    /// - Returns: none where the log does not have the first of them any more.
    package func entries(
        of partition: PartitionID,
        from first: LogIndex,
        in segments: [SegmentExtent],
        epoch: (LogIndex) -> UInt64?,
        bytes: Int
    ) throws(LogError) -> [LogRecord] {
        var found: [LogRecord] = []
        var size = 0
        var damage: LogError?
        for segment in segments {
            guard let known = segment.entries[partition], known.indexes.contains(first + LogIndex(found.count))
            else { continue }
            var offset = known.start(from: first + LogIndex(found.count))
            let file = try fileSystem.open(segment.name, create: false)
            var block = Block(file: file, base: segment.base, end: Int(segment.size))
            while first + LogIndex(found.count) <= known.indexes.upperBound,
                let (records, end) = try batch(at: offset, of: &block, passingOver: &damage, isOnly: found.isEmpty)
            {
                for record in records where record.partition == partition && record.content == .entry {
                    guard record.index == first + LogIndex(found.count), record.epoch == epoch(record.index) else {
                        continue
                    }
                    if size + record.payload.count > bytes, !found.isEmpty { return found }
                    size += record.payload.count
                    found.append(record)
                }
                offset = end
            }
        }
        if found.isEmpty, let damage { throw damage }
        return found
    }

    /// The batch at an offset, or the next one that is legible: an entry that is found with its index and epoch is the right one,
    /// whatever is damaged before it.
    private func batch(
        at offset: Int,
        of block: inout Block,
        passingOver damage: inout LogError?,
        isOnly: Bool
    ) throws(LogError) -> (records: [LogRecord], end: Int)? {
        var offset = offset
        while true {
            do throws(LogError) {
                do throws(LogError) {
                    return try block.batch(at: offset)
                } catch {
                    guard error.isDamage else { throw error }
                    damage = damage ?? error
                    offset = try block.nextBatch(behind: offset)
                }
            } catch {
                // What was found in front of it is of use.
                if isOnly { throw error }
                return nil
            }
        }
    }

    /// A part of a segment that is in memory.
    private struct Block {
        let file: any AppendableFile
        let base: UInt64
        /// Where the segment ends that is looked at.
        let end: Int
        private var start = 0
        private var bytes: [UInt8] = []

        init(file: any AppendableFile, base: UInt64, end: Int) {
            self.file = file
            self.base = base
            self.end = end
        }

        /// - Returns: the batch at an offset and where it ends; nil at the segment's end.
        mutating func batch(at offset: Int) throws(LogError) -> (records: [LogRecord], end: Int)? {
            guard offset + BatchFormat.batchHeaderSize <= end else { return nil }
            try load(offset, BatchFormat.batchHeaderSize)
            guard let header = BatchFormat.batchHeader(bytes[(offset - start)...], at: base + UInt64(offset)) else {
                throw damage(offset, "a batch's header is not legible")
            }
            let body = offset + BatchFormat.batchHeaderSize
            guard body + header.bodyLength <= end else { return nil }
            try load(offset, BatchFormat.batchHeaderSize + header.bodyLength)
            let from = body - start
            do throws(BatchFormat.Damage) {
                let records = try BatchFormat.records(
                    in: Array(bytes[from..<(from + header.bodyLength)]),
                    count: header.recordCount
                )
                return (records, body + header.bodyLength)
            } catch {
                throw damage(offset, error.what)
            }
        }

        /// Where the next batch begins; `end` where none is legible.
        mutating func nextBatch(behind offset: Int) throws(LogError) -> Int {
            if let header = try header(at: offset) {
                return min(end, offset + BatchFormat.batchHeaderSize + header.bodyLength)
            }
            var candidate = offset + 1
            while candidate + BatchFormat.batchHeaderSize <= end {
                if try header(at: candidate) != nil { return candidate }
                candidate += 1
            }
            return end
        }

        private mutating func header(at offset: Int) throws(LogError) -> BatchFormat.BatchHeader? {
            try load(offset, BatchFormat.batchHeaderSize)
            guard bytes[offset - start] == UInt8(truncatingIfNeeded: BatchFormat.batchMagic) else { return nil }
            return BatchFormat.batchHeader(bytes[(offset - start)...], at: base + UInt64(offset))
        }

        private mutating func load(_ offset: Int, _ count: Int) throws(LogError) {
            guard offset < start || offset + count > start + bytes.count else { return }
            start = offset
            bytes = try file.read(at: UInt64(offset), count: min(max(count, LogReader.blockBytes), end - offset))
            guard bytes.count >= count else { throw damage(offset, "the segment ends inside a batch") }
        }

        private func damage(_ offset: Int, _ what: String) -> LogError {
            .corruption(segment: Segment.name(base: base), offset: UInt64(offset), partition: nil, what: what)
        }
    }
}
