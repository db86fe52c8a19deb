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
    private static let largestHostLength = 253

    /// The text of a tweet, normalized.
    public static func tweet(_ text: String) throws(Refusal) -> String {
        guard text.utf8.count <= largestTweetBytes else {
            throw .invalid("text has \(text.utf8.count) bytes, at most \(largestTweetBytes)")
        }
        let normalized = normalize(text)
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
        let normalized = normalize(text)
        let length = normalized.unicodeScalars.count
        guard length <= limit else { throw .invalid("\(what) has \(length) characters, at most \(limit)") }
        return normalized
    }

    static func normalize(_ text: String) -> String {
        text.utf8.allSatisfy { $0 < 0x80 } ? text : text.precomposedStringWithCanonicalMapping
    }

    /// The weighted length of a normalized text.
    static func weight(of text: String) -> Int {
        if !text.utf8.contains(UInt8(ascii: ":")), text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        var weight = 0
        var rest = Substring(text)
        var mayBeginURL = true
        while let character = rest.first {
            if mayBeginURL, let length = urlLength(at: rest) {
                weight += urlWeight
                rest = rest.dropFirst(length)
                mayBeginURL = true
                continue
            }
            weight += self.weight(of: character)
            mayBeginURL = !(character.isLetter || character.isNumber || "@#$_".contains(character))
            rest = rest.dropFirst()
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
        guard let first = character.unicodeScalars.first, first.properties.isEmoji else { return false }
        if first.properties.isEmojiPresentation { return true }
        return character.unicodeScalars.dropFirst().contains {
            $0.value == 0xfe0f || $0.value == 0x20e3 || $0.value == 0x200d || $0.properties.isEmojiModifier
        }
    }

    /// The number of characters of the http(s) URL that begins the text, or nil where none does. Punctuation that
    /// ends a sentence is not part of it.
    private static func urlLength(at text: Substring) -> Int? {
        guard let first = text.first, first == "h" || first == "H" else { return nil }
        let scheme = text.prefix(8).lowercased()
        let prefix = scheme.hasPrefix("https://") ? 8 : scheme.hasPrefix("http://") ? 7 : 0
        guard prefix > 0 else { return nil }
        // The host first: what has none is not read to its end again and again.
        let start = text.dropFirst(prefix).prefix(largestHostLength + 1).prefix { !"/?#".contains($0) }
        guard start.contains(".") else { return nil }
        var length = 0
        var end = 0
        for character in text.dropFirst(prefix) {
            guard character.isASCII, !character.isWhitespace, !"<>\"{}|\\^`".contains(character) else { break }
            length += 1
            if !".,;:!?'()".contains(character) { end = length }
        }
        let host = text.dropFirst(prefix).prefix(end).prefix { !"/?#".contains($0) }
        guard host.contains("."), host.first?.isLetter == true || host.first?.isNumber == true else { return nil }
        return prefix + end
    }
}
