import Foundation

/// What texts users may write, and how their length counts.
///
/// Tweets count as Twitter counts them (developer.twitter.com, "Counting characters", configuration version 3): after
/// NFC, code points of the Latin and general-punctuation ranges weigh 1, others 2, an emoji sequence 2 in all, and
/// an http(s) URL 23.
public enum TextRules {
    public static let largestTweetWeight = 280
    public static let largestDisplayNameLength = 50
    public static let largestBioLength = 160
    static let urlWeight = 23
    /// No text within the limit is longer but for its URLs; the bound keeps what is weighed small.
    static let largestTweetBytes = 8_192
    /// The longest sequence that people see as one emoji has ten scalars; a flag of a region has seven.
    private static let largestEmojiLength = 16
    /// Marks on one character, as in the Stream-Safe Text Format (Unicode Standard Annex 15, section 13); no language needs so many, and
    /// Foundation cuts off what is much longer when it normalizes.
    private static let largestMarkCount = 30
    /// No character needs more bytes before it is normalized: what is normalized is bounded.
    private static let largestCharacterBytes = 16

    /// The text of a tweet, normalized.
    public static func tweet(_ text: String) throws(Refusal) -> String {
        let normalized = try normalize(text, largestBytes: largestTweetBytes, "text")
        let weight = weight(of: normalized)
        guard weight <= largestTweetWeight else {
            throw .invalid("text has \(weight) characters, at most \(largestTweetWeight)")
        }
        guard !normalized.allSatisfy(\.isWhitespace) else { throw .invalid("text is empty") }
        return normalized
    }

    /// A display name, normalized.
    public static func displayName(_ text: String) throws(Refusal) -> String {
        try limited(text, to: largestDisplayNameLength, what: "name")
    }

    /// A biography, normalized.
    public static func bio(_ text: String) throws(Refusal) -> String {
        try limited(text, to: largestBioLength, what: "bio")
    }

    private static func limited(_ text: String, to limit: Int, what: String) throws(Refusal) -> String {
        let normalized = try normalize(text, largestBytes: limit * largestCharacterBytes, what)
        let length = normalized.unicodeScalars.count
        guard length <= limit else { throw .invalid("\(what) has \(length) characters, at most \(limit)") }
        return normalized
    }

    private static func check(bytes text: String, _ limit: Int, _ what: String) throws(Refusal) {
        guard text.utf8.count <= limit else { throw .invalid("\(what) has \(text.utf8.count) bytes, at most \(limit)") }
    }

    private static func check(marks text: String, _ what: String) throws(Refusal) {
        var marks = 0
        for scalar in text.unicodeScalars {
            marks = scalar.properties.canonicalCombiningClass == .notReordered ? 0 : marks + 1
            guard marks <= largestMarkCount else {
                throw .invalid("\(what) has a character with more than \(largestMarkCount) marks")
            }
        }
    }

    /// Both before and after: some texts become longer, and what is stored must be accepted when it is copied.
    private static func normalize(_ text: String, largestBytes: Int, _ what: String) throws(Refusal) -> String {
        try check(bytes: text, largestBytes, what)
        guard text.utf8.contains(where: { $0 >= 0x80 }) else { return text }
        try check(marks: text, what)
        let normalized = text.precomposedStringWithCanonicalMapping
        try check(bytes: normalized, largestBytes, what)
        try check(marks: normalized, what)
        return normalized
    }

    /// The weighted length of a normalized text. Its cost is linear in the text's length, whatever it holds.
    static func weight(of text: String) -> Int {
        let bytes = Array(text.utf8)
        if bytes.allSatisfy({ $0 < 0x80 }) { return weight(ofASCII: bytes) }
        var weight = 0
        var rest = Substring(text)
        var offset = 0
        var mayBeginURL = true
        while let character = rest.first {
            if mayBeginURL, let length = URLScanner.length(in: bytes, at: offset) {
                weight += urlWeight
                offset += length
                rest = Substring(rest.utf8.dropFirst(length))
                continue
            }
            weight += self.weight(of: character)
            mayBeginURL = !(character.isLetter || character.isNumber || "@#$_".contains(character))
            offset += character.utf8.count
            rest = rest.dropFirst()
        }
        return weight
    }

    private static func weight(ofASCII bytes: [UInt8]) -> Int {
        guard bytes.contains(UInt8(ascii: ":")) else { return bytes.count }
        var weight = 0
        var offset = 0
        while offset < bytes.count {
            let mayBeginURL = offset == 0 || URLScanner.mayBegin(behind: bytes[offset - 1])
            if mayBeginURL, let length = URLScanner.length(in: bytes, at: offset) {
                weight += urlWeight
                offset += length
            } else {
                weight += 1
                offset += 1
            }
        }
        return weight
    }

    private static func weight(of character: Character) -> Int {
        if isEmoji(character) { return 2 }
        return character.unicodeScalars.reduce(0) { $0 + self.weight(of: $1) }
    }

    private static func weight(of scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0x0000...0x10ff, 0x2000...0x200d, 0x2010...0x201f, 0x2032...0x2037: 1
        default: 2
        }
    }

    /// Whether the character is one emoji as people see it: a scalar shown as an emoji by itself, or a sequence
    /// (variation selector 16, keycap, flag, skin tone, joiner) that begins with an emoji scalar.
    private static func isEmoji(_ character: Character) -> Bool {
        guard let first = character.unicodeScalars.first, first.properties.isEmoji,
            character.unicodeScalars.count <= largestEmojiLength
        else { return false }
        if first.properties.isEmojiPresentation { return true }
        return character.unicodeScalars.dropFirst().contains {
            $0.value == 0xfe0f || $0.value == 0x20e3 || $0.value == 0x200d || $0.properties.isEmojiModifier
        }
    }
}
