package import NIOCore

/// A reply in the Redis serialization protocol, independent of its version.
package enum RESPValue: Equatable, Sendable {
    case simple(String)
    /// The first word is the code.
    case error(String)
    case integer(Int64)
    case bulk(String)
    /// A bulk string of decimal digits.
    case id(UInt64)
    case bytes([UInt8])
    case null
    case array([RESPValue])
    /// A map in RESP3, a flat array of fields and values in RESP2.
    case map([(field: String, value: RESPValue)])
    /// An array of ids, each a bulk string of decimal digits.
    case ids([UInt64])
    /// Bytes with a type, as `INFO` answers in RESP3: text; a bulk string in RESP2.
    case verbatim(String)

    package static func == (left: RESPValue, right: RESPValue) -> Bool {
        switch (left, right) {
        case (.simple(let left), .simple(let right)): left == right
        case (.error(let left), .error(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.bulk(let left), .bulk(let right)): left == right
        case (.id(let left), .id(let right)): left == right
        case (.bytes(let left), .bytes(let right)): left == right
        case (.null, .null): true
        case (.array(let left), .array(let right)): left == right
        case (.map(let left), .map(let right)):
            left.count == right.count && zip(left, right).allSatisfy { $0.field == $1.field && $0.value == $1.value }
        case (.ids(let left), .ids(let right)): left == right
        case (.verbatim(let left), .verbatim(let right)): left == right
        default: false
        }
    }
}

/// The version of the protocol that a connection speaks.
package enum RESPVersion: Int, Sendable {
    case two = 2
    case three = 3
}

extension ByteBuffer {
    /// Appends a reply as the connection's version has it.
    package mutating func write(_ value: RESPValue, as version: RESPVersion) {
        switch value {
        case .simple(let text): writeLine("+", text)
        case .error(let text): writeLine("-", text)
        case .integer(let number): writeHead(UInt8(ascii: ":"), number)
        case .bulk(let text): writeBulk(text)
        case .id(let id): writeID(id)
        case .bytes(let bytes):
            writeHead(UInt8(ascii: "$"), Int64(bytes.count))
            writeBytes(bytes)
            writeLineEnd()
        case .null: writeStaticString(version == .three ? "_\r\n" : "$-1\r\n")
        case .array(let values):
            writeHead(UInt8(ascii: "*"), Int64(values.count))
            for value in values {
                write(value, as: version)
            }
        case .map(let fields):
            if version == .three {
                writeHead(UInt8(ascii: "%"), Int64(fields.count))
            } else {
                writeHead(UInt8(ascii: "*"), Int64(2 * fields.count))
            }
            for (field, value) in fields {
                writeBulk(field)
                write(value, as: version)
            }
        case .ids(let ids):
            writeHead(UInt8(ascii: "*"), Int64(ids.count))
            writeIDs(ids)
        case .verbatim(let text):
            guard version == .three else { return writeBulk(text) }
            writeHead(UInt8(ascii: "="), Int64(text.utf8.count + 4))
            writeStaticString("txt:")
            writeString(text)
            writeLineEnd()
        }
    }

    /// In one go, as everything that pages are made of: each operation of a buffer costs more than copying a few bytes.
    private mutating func writeBulk(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            _ = writeWithUnsafeMutableBytes(minimumWritableBytes: DecimalDigits.largestHead + utf8.count + 2) { bytes in
                let start = DecimalDigits.writeHead(UInt8(ascii: "$"), Int64(utf8.count), into: bytes)
                let end = start + utf8.count
                UnsafeMutableRawBufferPointer(rebasing: bytes[start..<end]).copyMemory(
                    from: UnsafeRawBufferPointer(utf8)
                )
                return end + DecimalDigits.writeLineEnd(into: bytes, at: end)
            }
        }
    }

    /// A line cannot hold line ends: what a client sent may be quoted in an error.
    private mutating func writeLine(_ mark: StaticString, _ text: String) {
        writeStaticString(mark)
        if text.utf8.contains(where: { $0 == 13 || $0 == 10 }) {
            writeBytes(text.utf8.map { $0 == 13 || $0 == 10 ? 32 : $0 })
        } else {
            writeString(text)
        }
        writeLineEnd()
    }

    private mutating func writeHead(_ mark: UInt8, _ number: Int64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: DecimalDigits.largestHead) { bytes in
            DecimalDigits.writeHead(mark, number, into: bytes)
        }
    }

    private mutating func writeLineEnd() {
        writeInteger(UInt16(0x0d0a))
    }

    private mutating func writeID(_ id: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: DecimalDigits.largestBulk) { bytes in
            DecimalDigits.writeBulk(id, into: bytes, at: 0)
        }
    }

    private mutating func writeIDs(_ ids: [UInt64]) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: ids.count * DecimalDigits.largestBulk) { bytes in
            var position = 0
            for id in ids {
                position += DecimalDigits.writeBulk(id, into: bytes, at: position)
            }
            return position
        }
    }
}
