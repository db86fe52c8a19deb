/// The newest `cap` tweets ever added to a list, newest first, less the removed: the one structure behind author
/// lists and home lists.
///
/// A removal is a mark on the entry that stays and counts towards the cap, and a list is always the newest `cap` of
/// the union of what it was given. So joining two lists commutes, associates and is idempotent (a
/// join-semilattice), and RocksDB may merge operands in any order and grouping with one result.
///
/// As stored: a version byte, a zero byte, the cap in 2 bytes, then 24 bytes an entry.
public struct SortedList: Hashable, Sendable {
    static let version: UInt8 = 1
    static let headerSize = 4
    /// The cap is stored in 16 bits.
    public static let largestCap = Int(UInt16.max)

    public let cap: Int
    /// Newest first, no tweet twice, at most `cap`, the removed among them.
    public private(set) var entries: [ListEntry]

    public init(cap: Int) {
        self.cap = min(max(1, cap), SortedList.largestCap)
        entries = []
    }

    public init(cap: Int, entries: some Sequence<ListEntry>) {
        self.init(cap: cap)
        self.entries = SortedList.normalized(Array(entries), cap: self.cap)
    }

    /// - Parameter entries: newest first, no tweet twice, at most `cap`.
    init(cap: Int, normalized entries: [ListEntry]) {
        self.cap = min(max(1, cap), SortedList.largestCap)
        self.entries = entries
    }

    /// Whether entries may have been trimmed: below the last entry of a full list nothing is known.
    public var isFull: Bool { entries.count >= cap }

    /// The oldest tweet of a full list, below which the list does not tell; nil while it holds all it was given.
    public var floor: TweetID? { isFull ? entries.last?.tweet : nil }

    public mutating func insert(_ entry: ListEntry) {
        entries = SortedList.join(entries, [entry], cap: cap)
    }

    /// Sorts newest first, joins what is there twice, trims.
    static func normalized(_ entries: [ListEntry], cap: Int) -> [ListEntry] {
        guard entries.count > 1 else { return entries }
        var sorted = entries
        sorted.sort { $0.tweet > $1.tweet }
        var result: [ListEntry] = []
        result.reserveCapacity(min(cap, sorted.count))
        for entry in sorted {
            if let last = result.last, last.tweet == entry.tweet {
                result[result.count - 1] = last.joined(with: entry)
            } else if result.count == cap {
                break
            } else {
                result.append(entry)
            }
        }
        return result
    }

    /// Merges two normalized runs and trims.
    static func join(_ left: [ListEntry], _ right: [ListEntry], cap: Int) -> [ListEntry] {
        if right.isEmpty { return left }
        if left.isEmpty { return right.count > cap ? Array(right.prefix(cap)) : right }
        var result: [ListEntry] = []
        result.reserveCapacity(min(cap, left.count + right.count))
        var leftIndex = 0
        var rightIndex = 0
        while result.count < cap {
            guard leftIndex < left.count else {
                result.append(contentsOf: right[rightIndex...].prefix(cap - result.count))
                break
            }
            guard rightIndex < right.count else {
                result.append(contentsOf: left[leftIndex...].prefix(cap - result.count))
                break
            }
            let newestLeft = left[leftIndex]
            let newestRight = right[rightIndex]
            if newestLeft.tweet > newestRight.tweet {
                result.append(newestLeft)
                leftIndex += 1
            } else if newestLeft.tweet < newestRight.tweet {
                result.append(newestRight)
                rightIndex += 1
            } else {
                result.append(newestLeft.joined(with: newestRight))
                leftIndex += 1
                rightIndex += 1
            }
        }
        return result
    }
}

extension SortedList: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeRaw(stored())
    }

    /// The list as stored.
    public func stored() -> [UInt8] {
        let size = SortedList.headerSize + entries.count * ListEntry.storedSize
        return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let bytes = UnsafeMutableRawBufferPointer(buffer)
            bytes[0] = SortedList.version
            bytes[1] = 0
            bytes.storeBytes(of: UInt16(cap).littleEndian, toByteOffset: 2, as: UInt16.self)
            var offset = SortedList.headerSize
            for entry in entries {
                bytes.storeBytes(of: entry.markedID.littleEndian, toByteOffset: offset, as: UInt64.self)
                bytes.storeBytes(of: entry.markedRecipient.littleEndian, toByteOffset: offset + 8, as: UInt64.self)
                bytes.storeBytes(of: entry.arrival.littleEndian, toByteOffset: offset + 16, as: UInt64.self)
                offset += ListEntry.storedSize
            }
            count = size
        }
    }

    /// Reads the list that fills the rest of the bytes.
    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let rest = reader.readRest()
        let list: Result<SortedList, BinaryDecodingError> = rest.withUnsafeBytes { bytes in
            Result { () throws(BinaryDecodingError) in try SortedList(stored: bytes) }
        }
        self = try list.get()
    }

    /// Reads a stored list, checking its length, its version and its order.
    public init(stored bytes: UnsafeRawBufferPointer) throws(BinaryDecodingError) {
        var entries: [ListEntry] = []
        let cap = try SortedList.append(stored: bytes, to: &entries)
        self.init(cap: cap, normalized: entries)
    }

    /// Appends a stored list's entries to `entries` after the same checks, and returns its cap.
    static func append(
        stored bytes: UnsafeRawBufferPointer,
        to entries: inout [ListEntry]
    ) throws(BinaryDecodingError) -> Int {
        let list = try PackedListHeader(bytes)
        if entries.isEmpty { entries.reserveCapacity(list.count) }
        var previous = UInt64.max
        for index in 0..<list.count {
            let entry = ListEntry(stored: bytes, at: SortedList.headerSize + index * ListEntry.storedSize)
            guard entry.tweet.rawValue < previous else { throw .invalid("list out of order") }
            previous = entry.tweet.rawValue
            entries.append(entry)
        }
        return list.cap
    }
}

/// The checked head of a stored list.
struct PackedListHeader {
    let cap: Int
    let count: Int

    init(_ bytes: UnsafeRawBufferPointer) throws(BinaryDecodingError) {
        guard bytes.count >= SortedList.headerSize else { throw .truncated }
        guard bytes[0] == SortedList.version else { throw .newerVersion(bytes[0]) }
        cap = Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        let size = bytes.count - SortedList.headerSize
        guard size % ListEntry.storedSize == 0 else { throw .truncated }
        count = size / ListEntry.storedSize
        guard cap >= 1, count <= cap else { throw .invalid("list of \(count) entries above its cap \(cap)") }
    }
}

extension ListEntry {
    /// Reads an entry; the caller has checked that it lies within the bytes.
    init(stored bytes: UnsafeRawBufferPointer, at offset: Int) {
        self.init(
            markedID: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)),
            markedRecipient: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self)),
            arrival: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
        )
    }
}
