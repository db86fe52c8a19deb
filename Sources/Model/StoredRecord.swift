/// A key and its value as a partition stores them, on their way to another replica.
public struct StoredRecord: Hashable, Sendable {
    /// What an encoded one has at least.
    public static let leastSize = 2

    public let key: [UInt8]
    public let value: [UInt8]

    public init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }

    public var size: Int { key.count + value.count }
}

extension StoredRecord: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(key)
        writer.write(value)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        key = try reader.readBytes()
        value = try reader.readBytes()
    }
}
