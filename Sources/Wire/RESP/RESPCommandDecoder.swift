package import NIOCore

/// Reads commands from a client: arrays of bulk strings, or lines typed by people.
///
/// A command past the limits is read to its end and reported, so that the connection can go on; only bytes that are
/// no command at all end it. Nothing is kept of what is skipped, whatever length it claims.
package struct RESPCommandDecoder {
    /// What is carried out at most.
    package struct Limits: Sendable {
        /// Bytes of all arguments.
        package var command = 1 << 20
        package var argumentCount = 1_024
        /// Bytes.
        package var argument = 64 << 10
        /// Bytes of a command that is a line.
        package var line = 64 << 10

        package init() {}
    }

    /// As Redis: a length above these is not a command's but noise.
    private static let largestClaimedCount: Int64 = 1 << 20
    private static let largestClaimedLength: Int64 = 512 << 20
    /// A mark, a number and its line end are never longer.
    private static let longestNumber = 32
    /// The first byte of a TLS connection, which would else be waited for as a line without an end.
    private static let tlsHandshake: UInt8 = 0x16

    package enum Event: Equatable {
        case command([[UInt8]])
        /// A command that cannot be carried out, in the words of its error.
        case refused(String)
        /// The bytes are no protocol; the connection is to be closed after this error.
        case broken(String)
    }

    private enum State {
        case start
        /// Arguments of an array are to be read.
        case arguments(left: Int64)
        /// The bytes of one argument and its line end are to be read.
        case argument(length: Int, left: Int64)
        /// The rest of an argument that is too long is to be thrown away.
        case skipping(bytes: Int64, left: Int64)
    }

    private let limits: Limits
    private var state = State.start
    private var arguments: [[UInt8]] = []
    private var size = 0
    private var refusal: String?

    package init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// The next event, or nil where more bytes are needed.
    package mutating func next(_ buffer: inout ByteBuffer) -> Event? {
        while true {
            switch state {
            case .start:
                guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
                if first == Self.tlsHandshake { return .broken("ERR Protocol error: this port speaks RESP, not TLS") }
                if first != UInt8(ascii: "*") {
                    guard let event = inlineCommand(&buffer) else { return nil }
                    if case .command(let words) = event, words.isEmpty { continue }
                    return event
                }
                guard let count = number(&buffer, name: "multibulk length", limit: Self.largestClaimedCount) else {
                    return nil
                }
                guard case .success(let value) = count else { return count.event }
                guard value > 0 else { continue }
                begin(count: value)
            case .arguments(let left):
                guard left > 0 else { return finish() }
                guard let mark = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return nil }
                guard mark == UInt8(ascii: "$") else {
                    return .broken("ERR Protocol error: expected '$', got '\(printable(mark))'")
                }
                guard let length = number(&buffer, name: "bulk length", limit: Self.largestClaimedLength) else {
                    return nil
                }
                guard case .success(let value) = length else { return length.event }
                guard value >= 0 else { return .broken("ERR Protocol error: invalid bulk length") }
                expect(length: value, left: left)
            case .argument(let length, let left):
                guard buffer.readableBytes >= length + 2 else { return nil }
                guard let bytes = buffer.readBytes(length: length), buffer.readInteger(as: UInt16.self) == 0x0d0a else {
                    return .broken("ERR Protocol error: expected a line end behind an argument")
                }
                arguments.append(bytes)
                state = .arguments(left: left - 1)
            case .skipping(let bytes, let left):
                let count = min(bytes, Int64(buffer.readableBytes))
                guard count > 0 else { return nil }
                buffer.moveReaderIndex(forwardBy: Int(count))
                state = count == bytes ? .arguments(left: left - 1) : .skipping(bytes: bytes - count, left: left)
            }
        }
    }

    /// Bytes of the arguments that have come of a command that is not complete.
    package var heldBytes: Int {
        arguments.reduce(arguments.capacity * MemoryLayout<[UInt8]>.stride) { $0 + $1.capacity }
    }

    private mutating func begin(count: Int64) {
        arguments = []
        size = 0
        refusal = nil
        if count > limits.argumentCount {
            refusal = "ERR command has \(count) arguments, at most \(limits.argumentCount)"
        } else {
            arguments.reserveCapacity(Int(count))
        }
        state = .arguments(left: count)
    }

    private mutating func expect(length: Int64, left: Int64) {
        if length > limits.argument, refusal == nil {
            refusal = "ERR argument has \(length) bytes, at most \(limits.argument)"
        }
        size += Int(length)
        if size > limits.command, refusal == nil {
            refusal = "ERR command has more than \(limits.command) bytes"
        }
        if refusal == nil {
            state = .argument(length: Int(length), left: left)
        } else {
            arguments = []
            state = .skipping(bytes: length + 2, left: left)
        }
    }

    private mutating func finish() -> Event {
        state = .start
        defer { arguments = [] }
        return refusal.map { .refused($0) } ?? .command(arguments)
    }

    // MARK: Lines

    private enum LineNumber {
        case success(Int64)
        case failure(String)

        var event: Event? {
            guard case .failure(let text) = self else { return nil }
            return .broken(text)
        }
    }

    /// Reads `*<number>` or `$<number>` and the line end.
    private func number(_ buffer: inout ByteBuffer, name: String, limit: Int64) -> LineNumber? {
        let line = buffer.withUnsafeReadableBytes { bytes -> (length: Int, value: Int64?)? in
            guard let end = bytes.prefix(Self.longestNumber).firstIndex(of: UInt8(ascii: "\n")) else { return nil }
            let hasReturn = end > 1 && bytes[end - 1] == UInt8(ascii: "\r")
            return (end + 1, Self.value(of: bytes[1..<(hasReturn ? end - 1 : end)]))
        }
        guard let line else {
            return buffer.readableBytes >= Self.longestNumber ? .failure("ERR Protocol error: invalid \(name)") : nil
        }
        buffer.moveReaderIndex(forwardBy: line.length)
        guard let value = line.value, value <= limit else { return .failure("ERR Protocol error: invalid \(name)") }
        return .success(value)
    }

    /// A decimal number with an optional sign; nil for anything else, and where it does not fit.
    private static func value(of digits: Slice<UnsafeRawBufferPointer>) -> Int64? {
        let isNegative = digits.first == UInt8(ascii: "-")
        let rest = isNegative || digits.first == UInt8(ascii: "+") ? digits.dropFirst() : digits
        guard !rest.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in rest {
            let digit = Int64(byte) - Int64(UInt8(ascii: "0"))
            guard (0...9).contains(digit) else { return nil }
            let (product, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) = product.subtractingReportingOverflow(digit)
            guard !isTooLarge, !overflows else { return nil }
            // Counted downwards, because the least number has no positive counterpart.
            value = sum
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }

    private func inlineCommand(_ buffer: inout ByteBuffer) -> Event? {
        let view = buffer.readableBytesView
        guard let end = view.prefix(limits.line).firstIndex(of: UInt8(ascii: "\n")) else {
            return view.count >= limits.line ? .broken("ERR Protocol error: too big inline request") : nil
        }
        let line = Array(view[view.startIndex..<end])
        buffer.moveReaderIndex(forwardBy: line.count + 1)
        guard let words = InlineWords.split(line) else {
            return .broken("ERR Protocol error: unbalanced quotes in request")
        }
        return words.count > limits.argumentCount
            ? .refused("ERR command has \(words.count) arguments, at most \(limits.argumentCount)")
            : .command(words)
    }

    private func printable(_ byte: UInt8) -> String {
        (32..<127).contains(byte) ? String(UnicodeScalar(byte)) : "?"
    }
}
