/// The opaque text by which front ends go on with a list or ask what is new: a binary value behind its kind and the
/// user it belongs to, with a check, in hexadecimal.
///
/// The check is there to tell a cursor of ours from anything else, and one list's cursor from another's; it is no
/// secret, because a cursor gives access to nothing.
public enum Cursor {
    /// What a cursor goes on with.
    public enum Kind: UInt8, Sendable {
        case following = 1
        case followers = 2
        case home = 3
        case userTimeline = 4
        case position = 5
        case dump = 6
    }

    public static func text(_ kind: Kind, of user: UserID, _ value: some BinaryEncodable) -> String {
        let payload = value.encoded()
        var writer = BinaryWriter(reservingCapacity: payload.count + 4)
        writer.writeRaw(payload)
        writer.writeFixed(check(kind, user, payload))
        return hexadecimal(writer.bytes)
    }

    /// - Throws: `Refusal.cursor` where the text is not a cursor of this kind for this user.
    public static func parse<Value: BinaryDecodable>(
        _ text: some Collection<UInt8>,
        as kind: Kind,
        of user: UserID
    ) throws(Refusal) -> Value {
        guard text.count <= 256, let bytes = bytes(ofHexadecimal: text), bytes.count >= 4 else { throw .cursor }
        let payload = Array(bytes.dropLast(4))
        var writer = BinaryWriter()
        writer.writeFixed(check(kind, user, payload))
        guard Array(bytes.suffix(4)) == writer.bytes, let value = try? Value(decoding: payload) else { throw .cursor }
        return value
    }

    private static func check(_ kind: Kind, _ user: UserID, _ payload: [UInt8]) -> UInt32 {
        var writer = BinaryWriter()
        writer.write(kind.rawValue)
        writer.write(user)
        writer.writeRaw(payload)
        return UInt32(truncatingIfNeeded: StableHash.hash(writer.bytes))
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func bytes(ofHexadecimal text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return bytes
    }
}

/// What a cursor of `TIMELINE.HOME` holds: the first page's `SINCE` and position stay with all its pages.
public struct HomeCursor: Hashable, Sendable {
    public let before: TweetID
    public let since: Position?
    public let position: Position

    public init(before: TweetID, since: Position?, position: Position) {
        self.before = before
        self.since = since
        self.position = position
    }
}

extension HomeCursor: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(before)
        writer.writeOptional(since) { $0.write($1) }
        writer.write(position)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            before: try reader.readTweet(),
            since: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() },
            position: try reader.read()
        )
    }
}

extension TweetID: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) { writer.write(self) }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) { self = try reader.readTweet() }
}
