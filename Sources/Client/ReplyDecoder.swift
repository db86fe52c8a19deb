package import NIOCore

/// Reads replies from a stream of bytes.
package struct ReplyDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = Reply

    private static let largestDepth = 8
    /// Longer ones are no replies but noise: as much as Redis allows to one text.
    private static let largestLength: Int64 = 512 << 20

    package init() {}

    package mutating func decode(buffer: inout ByteBuffer) throws -> Reply? {
        var copy = buffer
        guard let reply = try ReplyDecoder.reply(&copy, depth: 0) else { return nil }
        buffer = copy
        return reply
    }

    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> Reply? {
        try decode(buffer: &buffer)
    }

    private static func reply(_ buffer: inout ByteBuffer, depth: Int) throws -> Reply? {
        guard depth <= largestDepth else { throw ClientError.protocolViolation("nested too deep") }
        if let value = smallInteger(&buffer) { return .integer(value) }
        guard let mark = buffer.readInteger(as: UInt8.self), let line = line(&buffer) else { return nil }
        switch mark {
        case UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "#"): return .text(line)
        case UInt8(ascii: "-"): return .error(line)
        case UInt8(ascii: ":"): return .integer(try number(line))
        case UInt8(ascii: "_"): return .null
        case UInt8(ascii: "$"), UInt8(ascii: "="): return try bulk(&buffer, length(line))
        case UInt8(ascii: "*"), UInt8(ascii: "~"): return try array(&buffer, length(line), depth)
        case UInt8(ascii: "%"): return try array(&buffer, 2 * length(line), depth)
        default: throw ClientError.protocolViolation("type \(mark)")
        }
    }

    /// An integer of up to 9 digits, read without making a text of it: what Redis answers to every append to a list.
    private static func smallInteger(_ buffer: inout ByteBuffer) -> Int64? {
        let found = buffer.withUnsafeReadableBytes { bytes -> (value: Int64, length: Int)? in
            guard bytes.first == UInt8(ascii: ":") else { return nil }
            var value: Int64 = 0
            var index = 1
            while index < min(bytes.count, 11) {
                let byte = bytes[index]
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { break }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
                index += 1
            }
            guard (2...10).contains(index), index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\r"),
                bytes[index + 1] == UInt8(ascii: "\n")
            else { return nil }
            return (value, index + 2)
        }
        guard let found else { return nil }
        buffer.moveReaderIndex(forwardBy: found.length)
        return found.value
    }

    private static func line(_ buffer: inout ByteBuffer) -> String? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\r")),
            end + 1 < buffer.writerIndex
        else { return nil }
        let text = buffer.readString(length: end - buffer.readerIndex)
        buffer.moveReaderIndex(forwardBy: 2)
        return text
    }

    private static func number(_ line: String) throws -> Int64 {
        guard let value = Int64(line) else { throw ClientError.protocolViolation("number '\(line.prefix(32))'") }
        return value
    }

    /// - Returns: a length or a count; negative for null.
    private static func length(_ line: String) throws -> Int {
        let value = try number(line)
        guard value <= largestLength else { throw ClientError.protocolViolation("length \(value)") }
        return Int(max(-1, value))
    }

    private static func bulk(_ buffer: inout ByteBuffer, _ length: Int) throws -> Reply? {
        guard length >= 0 else { return .null }
        guard buffer.readableBytes >= length + 2 else { return nil }
        let text = buffer.readString(length: length) ?? ""
        buffer.moveReaderIndex(forwardBy: 2)
        return .text(text)
    }

    private static func array(_ buffer: inout ByteBuffer, _ count: Int, _ depth: Int) throws -> Reply? {
        guard count >= 0 else { return .null }
        var values: [Reply] = []
        for _ in 0..<count {
            guard let value = try reply(&buffer, depth: depth + 1) else { return nil }
            values.append(value)
        }
        return .array(values)
    }
}
