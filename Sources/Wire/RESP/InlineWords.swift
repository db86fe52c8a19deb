/// Splits a line that a person typed into words, with the quoting of Redis: double quotes with backslash escapes,
/// single quotes with `\'`.
enum InlineWords {
    /// - Returns: nil where quotes do not balance.
    static func split(_ line: [UInt8]) -> [[UInt8]]? {
        var words: [[UInt8]] = []
        var rest = line[...]
        while true {
            rest = rest.drop(while: isSpace)
            guard let first = rest.first else { return words }
            if first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") {
                guard let word = quoted(&rest, by: first) else { return nil }
                words.append(word)
            } else {
                let word = rest.prefix { !isSpace($0) }
                words.append(Array(word))
                rest = rest.dropFirst(word.count)
            }
        }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 32 || (9...13).contains(byte)
    }

    private static func quoted(_ rest: inout ArraySlice<UInt8>, by quote: UInt8) -> [UInt8]? {
        var word: [UInt8] = []
        rest = rest.dropFirst()
        while let byte = rest.popFirst() {
            if byte == quote {
                guard rest.first.map(isSpace) ?? true else { return nil }
                return word
            }
            if byte == UInt8(ascii: "\\"), let next = rest.first {
                if quote == UInt8(ascii: "'") {
                    if next == quote {
                        rest = rest.dropFirst()
                        word.append(quote)
                        continue
                    }
                } else {
                    rest = rest.dropFirst()
                    word.append(unescaped(next, &rest))
                    continue
                }
            }
            word.append(byte)
        }
        return nil
    }

    private static func unescaped(_ byte: UInt8, _ rest: inout ArraySlice<UInt8>) -> UInt8 {
        switch byte {
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "b"): return 8
        case UInt8(ascii: "a"): return 7
        case UInt8(ascii: "x"):
            let digits = rest.prefix(2)
            guard digits.count == 2, let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16) else {
                return byte
            }
            rest = rest.dropFirst(2)
            return value
        default: return byte
        }
    }
}
