/// `FOLLOW`: goes to the follower's partition. Its primary has asked the other user's partition whether they exist.
public struct Follow: Hashable, Sendable {
    public let follower: UserID
    public let author: UserID

    public init(follower: UserID, author: UserID) {
        self.follower = follower
        self.author = author
    }
}

/// `UNFOLLOW`: goes to the follower's partition.
public struct Unfollow: Hashable, Sendable {
    public let follower: UserID
    public let author: UserID

    public init(follower: UserID, author: UserID) {
        self.follower = follower
        self.author = author
    }
}

extension Follow: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(follower)
        writer.write(author)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            follower: try reader.readUser(),
            author: try reader.readUser()
        )
    }
}

extension Unfollow: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        Follow(follower: follower, author: author).encode(into: &writer)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let edge = try Follow(from: &reader)
        self.init(follower: edge.follower, author: edge.author)
    }
}
