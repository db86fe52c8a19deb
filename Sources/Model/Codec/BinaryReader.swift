/// Why bytes could not be read as what they were said to be. The caller refuses the message, record or file.
public enum BinaryDecodingError: Error, Equatable, Sendable {
    /// The bytes ended inside a value.
    case truncated
    /// Bytes were left over behind the value.
    case trailingBytes(Int)
    /// A value that no encoder of ours writes; the text names it.
    case invalid(String)
    /// Written by a newer version of the software.
    case newerVersion(UInt8)
}

/// Reads what `BinaryWriter` wrote. Every read is checked against the end of the bytes.
@frozen
public struct BinaryReader {
    @usableFromInline let bytes: [UInt8]
    @usableFromInline private(set) var position: Int
    @usableFromInline let end: Int

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = 0
        end = bytes.count
    }

    public init(_ slice: ArraySlice<UInt8>) {
        bytes = Array(slice)
        position = 0
        end = bytes.count
    }

    /// How many bytes are unread.
    public var remaining: Int { end - position }

    public mutating func readByte() throws(BinaryDecodingError) -> UInt8 {
        guard position < end else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    public mutating func readBool() throws(BinaryDecodingError) -> Bool {
        switch try readByte() {
        case 0: return false
        case 1: return true
        case let other: throw .invalid("flag \(other)")
        }
    }

    public mutating func readFixed<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(BinaryDecodingError) -> Value {
        let size = MemoryLayout<Value>.size
        guard remaining >= size else { throw .truncated }
        let value = bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Value.self) }
        position += size
        return Value(littleEndian: value)
    }

    public mutating func readVariable() throws(BinaryDecodingError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try readByte()
            if shift == 63, byte > 1 { throw .invalid("variable-length integer above 64 bits") }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw .invalid("variable-length integer above 64 bits") }
        }
    }

    /// Reads an epoch, an index or a time: so far below the largest number that counting on from it cannot overflow.
    public mutating func readOrdinal() throws(BinaryDecodingError) -> UInt64 {
        let value = try readVariable()
        guard value < 1 << 62 else { throw .invalid("\(value) is too large") }
        return value
    }

    /// A count of elements of at least `elementSize` bytes each, so that a lie about it cannot reserve memory.
    public mutating func readCount(elementSize: Int = 1) throws(BinaryDecodingError) -> Int {
        let value = try readVariable()
        guard value <= UInt64(remaining / max(1, elementSize)) else { throw .truncated }
        return Int(value)
    }

    public mutating func readBytes() throws(BinaryDecodingError) -> [UInt8] {
        let count = try readCount()
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    public mutating func readString() throws(BinaryDecodingError) -> String {
        let count = try readCount()
        let text = bytes.withUnsafeBytes { buffer in
            String(validating: buffer[position..<position + count], as: UTF8.self)
        }
        guard let text else { throw .invalid("text that is not UTF-8") }
        position += count
        return text
    }

    /// Bytes whose number the caller knows.
    public mutating func readRaw(count: Int) throws(BinaryDecodingError) -> [UInt8] {
        guard count >= 0, count <= remaining else { throw .truncated }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Everything that is left.
    public mutating func readRest() -> [UInt8] {
        defer { position = end }
        return Array(bytes[position..<end])
    }

    public mutating func readUser() throws(BinaryDecodingError) -> UserID {
        let value = try readVariable()
        guard value <= UserID.largestRawValue else { throw .invalid("user id \(value)") }
        return UserID(value)
    }

    public mutating func readTweet() throws(BinaryDecodingError) -> TweetID {
        let value = try readFixed(UInt64.self)
        guard value <= UserID.largestRawValue else { throw .invalid("tweet id \(value)") }
        return TweetID(value)
    }

    public mutating func readPartition() throws(BinaryDecodingError) -> PartitionID {
        let value = try readFixed(UInt16.self)
        guard Int(value) < PartitionLayout.largestCount else { throw .invalid("partition \(value)") }
        return PartitionID(value)
    }

    public mutating func read<Value: BinaryDecodable>(
        _ type: Value.Type = Value.self
    ) throws(BinaryDecodingError) -> Value {
        try Value(from: &self)
    }

    public mutating func readOptional<Value>(
        _ body: (inout BinaryReader) throws(BinaryDecodingError) -> Value
    ) throws(BinaryDecodingError) -> Value? {
        try readBool() ? try body(&self) : nil
    }

    /// - Parameter elementSize: the least bytes an element can have, which bounds what is reserved.
    public mutating func readArray<Element>(
        elementSize: Int = 1,
        _ body: (inout BinaryReader) throws(BinaryDecodingError) -> Element
    ) throws(BinaryDecodingError) -> [Element] {
        let count = try readCount(elementSize: elementSize)
        var values: [Element] = []
        // Elements are larger in memory than on the wire, and the count may be a lie.
        values.reserveCapacity(min(count, 4_096))
        for _ in 0..<count {
            values.append(try body(&self))
        }
        return values
    }

    public func expectEnd() throws(BinaryDecodingError) {
        guard remaining == 0 else { throw .trailingBytes(remaining) }
    }
}
