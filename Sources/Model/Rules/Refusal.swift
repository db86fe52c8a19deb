/// Why a command or query was not carried out, as the front end is told: a code that programs read and a text that
/// people read.
public struct Refusal: Error, Hashable, Sendable {
    /// The codes of `docs/commands.md`. What a caller can do about each is `isRetryable`.
    public enum Code: UInt8, Sendable, CaseIterable {
        case error = 0
        case invalid = 1
        case notFound = 2
        case exists = 3
        case forbidden = 4
        case cursor = 5
        case unavailable = 6
        case busy = 7
        case timeout = 8
        case noAuth = 9
        case wrongPass = 10

        /// The first word of the error reply.
        public var word: String {
            switch self {
            case .error: "ERR"
            case .invalid: "INVALID"
            case .notFound: "NOTFOUND"
            case .exists: "EXISTS"
            case .forbidden: "FORBIDDEN"
            case .cursor: "CURSOR"
            case .unavailable: "UNAVAILABLE"
            case .busy: "BUSY"
            case .timeout: "TIMEOUT"
            case .noAuth: "NOAUTH"
            case .wrongPass: "WRONGPASS"
            }
        }

        /// Whether the same command may succeed later.
        public var isRetryable: Bool { self == .unavailable || self == .busy || self == .timeout }
    }

    public let code: Code
    /// What was wrong and, where it helps, what is allowed. Never empty.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public static func invalid(_ message: String) -> Refusal { Refusal(.invalid, message) }
    public static func exists(_ message: String) -> Refusal { Refusal(.exists, message) }
    public static func forbidden(_ message: String) -> Refusal { Refusal(.forbidden, message) }
    public static func unavailable(_ message: String) -> Refusal { Refusal(.unavailable, message) }
    public static func busy(_ message: String) -> Refusal { Refusal(.busy, message) }
    public static func timeout(_ message: String) -> Refusal { Refusal(.timeout, message) }
    public static func notFound(_ user: UserID) -> Refusal { Refusal(.notFound, "user \(user)") }
    public static func notFound(_ tweet: TweetID) -> Refusal { Refusal(.notFound, "tweet \(tweet)") }
    public static let cursor = Refusal(.cursor, "not a cursor of this list")
}

extension Refusal: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(code.rawValue)
        writer.write(message)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let raw = try reader.readByte()
        guard let code = Code(rawValue: raw) else { throw .invalid("refusal code \(raw)") }
        self.init(code, try reader.readString())
    }
}
