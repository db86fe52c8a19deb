/// Finds http(s) URLs in texts, to weigh them. All of their characters are ASCII.
enum URLScanner {
    private static let largestHostLength = 253
    private static let schemes = [Array("https://".utf8), Array("http://".utf8)]
    private static let ends = Set("/?#".utf8)
    private static let forbidden = Set("<>\"{}|\\^`".utf8)
    /// What ends a sentence is not part of the URL in front of it.
    private static let punctuation = Set(".,;:!?'()".utf8)

    /// Whether a URL may begin behind a character: not inside a word, a mention or a tag.
    static func mayBegin(behind byte: UInt8) -> Bool {
        !(isLetterOrDigit(byte) || "@#$_".utf8.contains(byte))
    }

    /// The number of bytes of the URL that begins at an offset, or nil where none does. Reads to the end of what is a URL, and
    /// little further than to its host's end of what is none.
    static func length(in bytes: [UInt8], at offset: Int) -> Int? {
        guard let prefix = schemes.first(where: { begins(bytes[offset...], with: $0) })?.count else { return nil }
        let rest = bytes[(offset + prefix)...]
        // The host first: what has none is not read to its end again and again.
        let host = rest.prefix(largestHostLength + 1).prefix { !ends.contains($0) }
        guard let first = host.first, isLetterOrDigit(first),
            let dot = host.firstIndex(of: UInt8(ascii: "."))
        else { return nil }
        var end = rest.startIndex
        for (index, byte) in zip(rest.indices, rest) {
            guard byte > 0x20, byte < 0x7f, !forbidden.contains(byte) else { break }
            if !punctuation.contains(byte) { end = index + 1 }
        }
        return dot < end ? end - offset : nil
    }

    private static func begins(_ bytes: ArraySlice<UInt8>, with scheme: [UInt8]) -> Bool {
        guard let first = bytes.first, first | 0x20 == scheme[0], bytes.count >= scheme.count else { return false }
        // Only letters have a second form.
        return zip(bytes, scheme).allSatisfy { $0 == $1 || isLetterOrDigit($0) && $0 | 0x20 == $1 }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
