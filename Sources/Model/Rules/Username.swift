/// A username: 1 to 15 of `[A-Za-z0-9_]`, unique without regard to case.
public struct Username: Hashable, Sendable, CustomStringConvertible {
    public static let largestLength = 15

    /// As its owner spells it.
    public let text: String

    /// - Throws: `Refusal.invalid`, saying what is allowed.
    public init(_ text: String) throws(Refusal) {
        guard (1...Username.largestLength).contains(text.utf8.count), text.utf8.allSatisfy(Username.isAllowed) else {
            throw .invalid("username must be 1 to 15 of A-Z a-z 0-9 _")
        }
        self.text = text
    }

    /// The form under which the name is unique.
    public var folded: String { text.lowercased() }

    public var description: String { text }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default:
            false
        }
    }
}
