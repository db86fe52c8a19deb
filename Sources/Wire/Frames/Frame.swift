internal import CChecksum
internal import Model
package import NIOCore

/// The unit of traffic between our processes.
///
/// On the wire: the length of what follows in 4 bytes, a CRC-32C of what follows it in 4, the kind in 1, the request
/// id in 8, the payload. Integers are little-endian.
package struct Frame {
    /// What a frame is.
    package enum Kind: UInt8, Sendable {
        /// The first frame of a connection, from the side that opened it.
        case hello = 1
        /// The answer to it.
        case welcome = 2
        case request = 3
        case reply = 4
        /// Why the connection is about to be closed, in words.
        case goodbye = 5
    }

    /// Larger frames are refused and the connection is closed.
    package static let largestLength = 64 << 20
    static let lengthSize = 4
    static let headerSize = 13

    package let kind: Kind
    package let id: UInt64
    package let payload: [UInt8]

    package init(kind: Kind, id: UInt64, payload: [UInt8]) {
        self.kind = kind
        self.id = id
        self.payload = payload
    }

    package func write(to buffer: inout ByteBuffer) {
        buffer.reserveCapacity(minimumWritableBytes: Frame.lengthSize + Frame.headerSize + payload.count)
        buffer.writeInteger(UInt32(Frame.headerSize + payload.count), endianness: .little)
        let checksumIndex = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        let start = buffer.writerIndex
        buffer.writeInteger(kind.rawValue)
        buffer.writeInteger(id, endianness: .little)
        buffer.writeBytes(payload)
        let checksum = Frame.checksum(of: buffer, from: start, length: buffer.writerIndex - start)
        buffer.setInteger(checksum, at: checksumIndex, endianness: .little)
    }

    static func checksum(of buffer: ByteBuffer, from start: Int, length: Int) -> UInt32 {
        buffer.withUnsafeReadableBytes { bytes in
            let offset = start - buffer.readerIndex
            return rookery_crc32c(0, bytes.baseAddress?.advanced(by: offset), length)
        }
    }
}

/// Why a connection cannot be read any further. It is closed.
package enum FrameError: Error, Equatable, Sendable {
    case length(Int)
    case checksum
    case kind(UInt8)
    case handshake(String)
}

/// Cuts a stream of bytes into frames.
package struct FrameDecoder: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = Frame

    /// A connection's first frame is a greeting: who speaks something else to the port is not waited for.
    private static let largestFirstLength = 64 << 10
    private var largestLength = FrameDecoder.largestFirstLength

    package init() {}

    package mutating func decode(buffer: inout ByteBuffer) throws -> Frame? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, endianness: .little, as: UInt32.self) else {
            return nil
        }
        guard Int(length) >= Frame.headerSize, Int(length) <= largestLength else {
            throw FrameError.length(Int(length))
        }
        guard buffer.readableBytes >= Frame.lengthSize + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: Frame.lengthSize)
        guard let checksum = buffer.readInteger(endianness: .little, as: UInt32.self) else { return nil }
        let start = buffer.readerIndex
        let size = Int(length) - 4
        guard Frame.checksum(of: buffer, from: start, length: size) == checksum else { throw FrameError.checksum }
        guard let rawKind = buffer.readInteger(as: UInt8.self),
            let id = buffer.readInteger(endianness: .little, as: UInt64.self),
            let payload = buffer.readBytes(length: size - 9)
        else { return nil }
        guard let kind = Frame.Kind(rawValue: rawKind) else { throw FrameError.kind(rawKind) }
        largestLength = Frame.largestLength
        return Frame(kind: kind, id: id, payload: payload)
    }

    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> Frame? {
        try decode(buffer: &buffer)
    }
}
