/// Appends values to a byte array in Rookery's one binary form: little-endian fixed integers, LEB128 variable ones,
/// and byte strings behind their length.
@frozen
public struct BinaryWriter {
    public private(set) var bytes: [UInt8]

    public init(reservingCapacity capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    public mutating func write(_ value: UInt8) {
        bytes.append(value)
    }

    public mutating func write(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    /// A fixed-width integer, little-endian.
    public mutating func writeFixed<Value: FixedWidthInteger>(_ value: Value) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// An unsigned LEB128 integer: 1 to 10 bytes, 1 below 128.
    public mutating func writeVariable(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    public mutating func writeCount(_ count: Int) {
        writeVariable(UInt64(count))
    }

    /// A byte string behind its length.
    public mutating func write(_ value: [UInt8]) {
        writeCount(value.count)
        bytes.append(contentsOf: value)
    }

    /// A UTF-8 string behind its length in bytes.
    public mutating func write(_ value: String) {
        var value = value
        value.withUTF8 { text in
            writeCount(text.count)
            bytes.append(contentsOf: text)
        }
    }

    /// Bytes without a length: the reader must know where they end.
    public mutating func writeRaw(_ value: some Sequence<UInt8>) {
        bytes.append(contentsOf: value)
    }

    public mutating func write(_ user: UserID) { writeVariable(user.rawValue) }
    public mutating func write(_ tweet: TweetID) { writeFixed(tweet.rawValue) }
    public mutating func write(_ partition: PartitionID) { writeFixed(partition.rawValue) }

    public mutating func write(_ value: some BinaryEncodable) {
        value.encode(into: &self)
    }

    /// A flag, and the value where there is one.
    public mutating func writeOptional<Value>(_ value: Value?, _ body: (inout BinaryWriter, Value) -> Void) {
        write(value != nil)
        if let value {
            body(&self, value)
        }
    }

    /// A count, and each element in order.
    public mutating func writeArray<Element>(_ values: [Element], _ body: (inout BinaryWriter, Element) -> Void) {
        writeCount(values.count)
        for value in values {
            body(&self, value)
        }
    }
}

/// A value with a binary form.
public protocol BinaryEncodable {
    func encode(into writer: inout BinaryWriter)
}

/// A value that can be read back from its binary form. Never trusts the bytes.
public protocol BinaryDecodable {
    init(from reader: inout BinaryReader) throws(BinaryDecodingError)
}

public typealias BinaryCodable = BinaryEncodable & BinaryDecodable

extension BinaryEncodable {
    /// The value's binary form on its own.
    public func encoded() -> [UInt8] {
        var writer = BinaryWriter()
        encode(into: &writer)
        return writer.bytes
    }
}

extension BinaryDecodable {
    /// Reads a value that must fill `bytes` to the end.
    public init(decoding bytes: [UInt8]) throws(BinaryDecodingError) {
        var reader = BinaryReader(bytes)
        self = try Self(from: &reader)
        try reader.expectEnd()
    }
}
