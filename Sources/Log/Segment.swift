internal import Model

/// One file of the log.
struct Segment {
    let name: String
    /// The offset of its first byte in the whole log's bytes.
    let base: UInt64
    let file: any AppendableFile
    /// Of each partition that has an entry in it, the least and the largest index.
    var indexes: [PartitionID: ClosedRange<LogIndex>] = [:]

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
        guard let known = indexes[partition], known.upperBound >= index else { return }
        indexes[partition] = known.lowerBound < index ? known.lowerBound...(index - 1) : nil
    }

    mutating func note(_ records: [LogRecord]) {
        for record in records where record.content == .entry {
            let known = indexes[record.partition] ?? record.index...record.index
            indexes[record.partition] = min(known.lowerBound, record.index)...max(known.upperBound, record.index)
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
            if let known = self[position].indexes[partition], known.upperBound < index { return }
            self[position].drop(partition, from: index)
        }
    }
}
