internal import Model

/// The arguments of one command, taken from the front; then its options, in any order.
struct Arguments {
    private let words: [[UInt8]]
    private var position = 1

    /// - Parameter words: the command's own name first.
    init(_ words: [[UInt8]]) {
        self.words = words
    }

    var remaining: Int { words.count - position }

    static let syntaxError = Refusal(.error, "syntax error")

    mutating func next() throws(Refusal) -> [UInt8] {
        guard position < words.count else { throw Arguments.syntaxError }
        defer { position += 1 }
        return words[position]
    }

    mutating func text(_ what: String) throws(Refusal) -> String {
        guard let text = String(validating: try next(), as: UTF8.self) else {
            throw .invalid("\(what) is not UTF-8")
        }
        return text
    }

    mutating func user(_ what: String = "user") throws(Refusal) -> UserID {
        UserID(try identifier(what))
    }

    mutating func tweet(_ what: String = "tweet") throws(Refusal) -> TweetID {
        TweetID(try identifier(what))
    }

    /// A decimal integer from 0 to 2^63 - 1; leading zeros do not matter.
    private mutating func identifier(_ what: String) throws(Refusal) -> UInt64 {
        let word = try next()
        var value: UInt64 = 0
        var isValid = !word.isEmpty
        for byte in word where isValid {
            let digit = UInt64(byte &- UInt8(ascii: "0"))
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            isValid = digit <= 9 && !overflow && product <= UserID.largestRawValue - min(9, digit)
            value = product &+ digit
        }
        guard isValid else {
            throw .invalid("\(what) id '\(Arguments.shown(word))' is not a number from 0 to \(UserID.largestRawValue)")
        }
        return value
    }

    mutating func integer(_ what: String, in range: ClosedRange<Int>) throws(Refusal) -> Int {
        let word = try next()
        guard let value = Int(String(decoding: word, as: UTF8.self)), range.contains(value) else {
            throw .invalid(
                "\(what) '\(Arguments.shown(word))' is not a number from \(range.lowerBound) to \(range.upperBound)"
            )
        }
        return value
    }

    /// A time since 1970, in the unit that the command says; one of the future counts as now.
    mutating func time(_ what: String) throws(Refusal) -> UInt64 {
        UInt64(try integer(what, in: 0...Int.max))
    }

    mutating func key() throws(Refusal) -> IdempotencyKey {
        try IdempotencyKey(try next())
    }

    /// Reads the rest as options. `body` is called with each option's name in capitals, and takes its values; it
    /// returns false for a name that the command does not have.
    mutating func options(
        _ body: (String, inout Arguments) throws(Refusal) -> Bool
    ) throws(Refusal) {
        var seen: Set<String> = []
        while remaining > 0 {
            let word = try next()
            let name = String(decoding: word, as: UTF8.self).uppercased()
            guard try body(name, &self) else { throw Arguments.syntaxError }
            guard seen.insert(name).inserted else {
                throw Refusal(.error, "syntax error: \(name) is given twice")
            }
        }
    }

    /// What a client sent, safe and short enough to quote.
    static func shown(_ word: [UInt8]) -> String {
        String(decoding: word.prefix(64).map { (32..<127).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
