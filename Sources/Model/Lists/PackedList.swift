/// A stored list read in place: for pages, which need few of its entries.
public struct PackedList: ListRun {
    private let bytes: [UInt8]
    public let cap: Int
    public let count: Int

    /// Checks length and version; the order was checked when the list was merged.
    public init(stored bytes: [UInt8]) throws(BinaryDecodingError) {
        let header: Result<PackedListHeader, BinaryDecodingError> = bytes.withUnsafeBytes { buffer in
            Result { () throws(BinaryDecodingError) in try PackedListHeader(buffer) }
        }
        let checked = try header.get()
        self.bytes = bytes
        cap = checked.cap
        count = checked.count
    }

    /// About how many bytes it takes in memory.
    public var memory: Int { bytes.count + 64 }

    /// Whether entries may have been trimmed.
    public var isFull: Bool { count >= cap }

    /// The entry at `index`, newest first; nil behind the last.
    public func entry(at index: Int) -> ListEntry? {
        guard index >= 0, index < count else { return nil }
        return bytes.withUnsafeBytes { ListEntry(stored: $0, at: SortedList.headerSize + index * ListEntry.storedSize) }
    }

    /// The oldest tweet of a full list, below which the list does not tell; nil while it holds all it was given.
    public var floor: TweetID? { isFull ? entry(at: count - 1)?.tweet : nil }
}
