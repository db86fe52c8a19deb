package import Model
package import Store
internal import Synchronization

/// The partitions of which this node has lost entries that it may have acknowledged, as it is noted beside the log until nobody
/// counts on them: a small file in the data directory.
package final class LostEntries: Sendable {
    private static let file = "LOST"
    /// In the file while nobody knows yet what was lost.
    private static let unknownMark = "?"

    private let directory: DataDirectory
    /// Whether a run has begun to pass over damage, and ended before it had noted what was lost. What shows that something was
    /// damaged may be cut off with a torn tail behind it.
    package let wasInterrupted: Bool
    private let known: Mutex<Set<PartitionID>>
    /// As the file has it; nil where it is not known.
    private let written: Mutex<Set<PartitionID>?>

    package init(directory: DataDirectory) throws(StoreError) {
        self.directory = directory
        let words = String(decoding: try directory.file(LostEntries.file) ?? [], as: UTF8.self)
            .split(whereSeparator: \.isWhitespace)
        let numbers = words.filter { $0 != LostEntries.unknownMark }
        let found = numbers.compactMap { word in UInt16(word).map { PartitionID($0) } }
        guard found.count == numbers.count else {
            throw .notADataDirectory(
                "\(directory.path)/\(LostEntries.file) holds other things than numbers of partitions"
            )
        }
        wasInterrupted = numbers.count < words.count
        known = Mutex(Set(found))
        written = Mutex(wasInterrupted ? nil : Set(found))
    }

    package var partitions: Set<PartitionID> { known.withLock { $0 } }

    /// To be called before damage is passed over: until `replace` it is not known what was lost. Durable when this returns.
    package func beginToPassOverDamage() throws(StoreError) {
        try written.withLock { written throws(StoreError) in
            try write(partitions, mark: LostEntries.unknownMark)
            written = nil
        }
    }

    /// Durable when this returns.
    package func replace(with partitions: Set<PartitionID>) throws(StoreError) {
        known.withLock { $0 = partitions }
        try save()
    }

    /// Something of a partition is found to be lost. Durable with the next `save`.
    package func note(_ partition: PartitionID) {
        known.withLock { _ = $0.insert(partition) }
    }

    /// Nobody counts on what was lost of a partition. Durable with the next `save`.
    package func forget(_ partition: PartitionID) {
        known.withLock { _ = $0.remove(partition) }
    }

    /// Writes down what has changed. Blocks.
    package func save() throws(StoreError) {
        try written.withLock { written throws(StoreError) in
            let partitions = partitions
            guard partitions != written else { return }
            try write(partitions)
            written = partitions
        }
    }

    private func write(_ partitions: Set<PartitionID>, mark: String? = nil) throws(StoreError) {
        let lines = [mark].compactMap(\.self) + partitions.sorted().map { "\($0.rawValue)" }
        try directory.replaceFile(LostEntries.file, with: Array(lines.map { $0 + "\n" }.joined().utf8))
    }
}
