internal import Model

/// One file of the log.
struct Segment {
    let name: String
    /// The offset of its first byte in the whole log's bytes.
    let base: UInt64
    let file: any AppendableFile
    /// How many bytes apart the landmarks of a partition are.
    let landmarkSpacing: Int
    /// By partition, what it has of those that have an entry in it.
    private(set) var entries: [PartitionID: SegmentEntries] = [:]

    var end: UInt64 { base + file.size }

    static func name(base: UInt64) -> String {
        let digits = String(base)
        return String(repeating: "0", count: max(0, 20 - digits.count)) + digits + ".log"
    }

    static func base(ofName name: String) -> UInt64? {
        guard name.hasSuffix(".log") else { return nil }
        return UInt64(name.dropLast(4))
    }

    /// Entries of a partition from an index on have been replaced, or all of them forgotten: nobody needs them here.
    mutating func drop(_ partition: PartitionID, from index: LogIndex) {
        guard let known = entries[partition], known.indexes.upperBound >= index else { return }
        entries[partition] = known.before(index)
    }

    /// - Parameter offset: where the records' batch begins, from the file's beginning.
    mutating func note(_ records: [LogRecord], at offset: Int) {
        for record in records where record.content == .entry {
            entries[record.partition, default: SegmentEntries(record.index, at: offset)]
                .note(record.index, at: offset, landmarkSpacing: landmarkSpacing)
        }
    }
}

extension [Segment] {
    /// Records are written behind these segments: what they replace in them is not needed any more.
    mutating func dropReplaced(by records: [LogRecord], before end: Int) {
        guard end > 0 else { return }
        for record in records {
            switch record.content {
            case .entry: drop(record.partition, from: record.index, before: end)
            case .forgotten, .removed: drop(record.partition, from: 0, before: end)
            case .committed, .unknown: break
            }
        }
    }

    private mutating func drop(_ partition: PartitionID, from index: LogIndex, before end: Int) {
        for position in (0..<end).reversed() {
            // Usually nothing is replaced, and the newest segment with the partition says so.
            if let known = self[position].entries[partition], known.indexes.upperBound < index { return }
            self[position].drop(partition, from: index)
        }
    }
}
