/// Numbers as decimal digits, with the marks and line ends that RESP has around them, written in place.
enum DecimalDigits {
    /// The most digits that a number has.
    static let largest = 20
    /// The most bytes of a mark, a sign, a number and a line end.
    static let largestHead = largest + 4
    /// The most bytes of a number as a bulk string: `$20`, the digits, two line ends.
    static let largestBulk = largest + 7

    /// - Returns: how many bytes were written.
    static func write(_ number: UInt64, into bytes: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        write(number, digits: count(of: number), into: bytes, at: start)
    }

    @inline(__always)
    private static func write(
        _ number: UInt64,
        digits count: Int,
        into bytes: UnsafeMutableRawBufferPointer,
        at start: Int
    ) -> Int {
        var rest = number
        var position = start + count
        while rest >= 100 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            position -= 2
            bytes[position] = zero + UInt8(truncatingIfNeeded: pair / 10)
            bytes[position + 1] = zero + UInt8(truncatingIfNeeded: pair % 10)
            rest = quotient
        }
        if rest >= 10 {
            bytes[start] = zero + UInt8(truncatingIfNeeded: rest / 10)
            bytes[start + 1] = zero + UInt8(truncatingIfNeeded: rest % 10)
        } else {
            bytes[start] = zero + UInt8(truncatingIfNeeded: rest)
        }
        return count
    }

    /// Writes `$<digits>`, a line end, the number, a line end.
    ///
    /// - Returns: how many bytes were written.
    static func writeBulk(_ number: UInt64, into bytes: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        var position = start
        bytes[position] = UInt8(ascii: "$")
        position += 1
        let digits = count(of: number)
        position += write(UInt64(digits), digits: digits < 10 ? 1 : 2, into: bytes, at: position)
        position += writeLineEnd(into: bytes, at: position)
        position += write(number, digits: digits, into: bytes, at: position)
        position += writeLineEnd(into: bytes, at: position)
        return position - start
    }

    /// Writes a mark, the number, a line end.
    ///
    /// - Returns: how many bytes were written.
    static func writeHead(_ mark: UInt8, _ number: Int64, into bytes: UnsafeMutableRawBufferPointer) -> Int {
        bytes[0] = mark
        var position = 1
        if number < 0 {
            bytes[position] = UInt8(ascii: "-")
            position += 1
        }
        position += write(number.magnitude, into: bytes, at: position)
        return position + writeLineEnd(into: bytes, at: position)
    }

    private static let zero = UInt8(ascii: "0")

    /// - Returns: how many bytes were written.
    static func writeLineEnd(into bytes: UnsafeMutableRawBufferPointer, at position: Int) -> Int {
        bytes[position] = UInt8(ascii: "\r")
        bytes[position + 1] = UInt8(ascii: "\n")
        return 2
    }

    private static func count(of number: UInt64) -> Int {
        var count = 1
        var bound: UInt64 = 10
        while count < largest, number >= bound {
            count += 1
            bound = count < largest ? bound &* 10 : bound
        }
        return count
    }
}
