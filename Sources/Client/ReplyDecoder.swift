package import NIOCore

/// A reply of a server that speaks RESP.
package enum Reply: Equatable, Sendable {
    case text(String)
    case error(String)
    case integer(Int64)
    case null
    /// Arrays, sets and maps, the last as fields and values in turn.
    case array([Reply])

    /// The text of a text, the digits of an integer.
    package var string: String? {
        switch self {
        case .text(let text): text
        case .integer(let value): String(value)
        default: nil
        }
    }

    package var array: [Reply]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    /// The value of a field of a map.
    package subscript(field: String) -> Reply? {
        guard case .array(let values) = self else { return nil }
        for index in stride(from: 0, to: values.count - 1, by: 2) where values[index] == .text(field) {
            return values[index + 1]
        }
        return nil
    }
}

/// Why a connection cannot be used any more.
package enum ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    case protocolViolation(String)
    case disconnected(String)

    package var description: String {
        switch self {
        case .protocolViolation(let what): "the server's answer is not RESP: \(what)"
        case .disconnected(let why): "connection lost: \(why)"
        }
    }
}

/// Reads replies from a stream of bytes.
package struct ReplyDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = Reply

    private static let largestDepth = 8

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
        guard let mark = buffer.readInteger(as: UInt8.self), let line = line(&buffer) else { return nil }
        switch mark {
        case UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: "#"): return .text(line)
        case UInt8(ascii: "-"): return .error(line)
        case UInt8(ascii: ":"): return .integer(try number(line))
        case UInt8(ascii: "_"): return .null
        case UInt8(ascii: "$"), UInt8(ascii: "="): return try bulk(&buffer, Int(number(line)))
        case UInt8(ascii: "*"), UInt8(ascii: "~"): return try array(&buffer, Int(number(line)), depth)
        case UInt8(ascii: "%"): return try array(&buffer, 2 * Int(number(line)), depth)
        default: throw ClientError.protocolViolation("type \(mark)")
        }
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
