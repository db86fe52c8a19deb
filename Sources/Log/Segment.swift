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

    mutating func note(_ records: [LogRecord]) {
        for record in records where record.content == .entry {
            let known = indexes[record.partition] ?? record.index...record.index
            indexes[record.partition] = min(known.lowerBound, record.index)...max(known.upperBound, record.index)
        }
    }
}
