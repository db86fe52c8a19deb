internal import Model

/// A user, in their own partition. Kept, marked, after deletion: an id is never used again.
struct UserRecord: Equatable {
    var username: Username
    /// The version of the reservation under which the user has the name.
    var nameVersion: LogIndex
    var displayName: String
    var bio = ""
    var createdAt: Milliseconds
    /// The sizes of the sets beside the record, changed only together with them.
    var followers: UInt64 = 0
    var following: UInt64 = 0
    var tweets: UInt64 = 0
    /// Whether there ever was a tweet.
    var hasPosted = false
    var isDeleted = false
    /// A new name that is being reserved, with the rest of the update that waits for it.
    var pendingRename: PendingRename?

    /// About what it takes in memory with its key, in bytes.
    var memory: Int { 320 + displayName.utf8.count + bio.utf8.count }

    func view(_ id: UserID) -> User {
        User(
            id: id,
            username: username.text,
            displayName: displayName,
            bio: bio,
            createdAt: createdAt,
            followers: followers,
            following: following,
            tweets: tweets
        )
    }
}

/// An update whose new username is being reserved: it takes effect as a whole or not at all.
struct PendingRename: Equatable {
    let username: Username
    let displayName: String?
    let bio: String?
    let version: LogIndex
    let key: PendingKey?
}

extension UserRecord: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.write(username)
        writer.writeVariable(nameVersion)
        writer.write(displayName)
        writer.write(bio)
        writer.writeVariable(createdAt)
        writer.writeVariable(followers)
        writer.writeVariable(following)
        writer.writeVariable(tweets)
        writer.write(hasPosted)
        writer.write(isDeleted)
        writer.writeOptional(pendingRename) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        username = try reader.read()
        nameVersion = try reader.readVariable()
        displayName = try reader.readString()
        bio = try reader.readString()
        createdAt = try reader.readVariable()
        followers = try reader.readVariable()
        following = try reader.readVariable()
        tweets = try reader.readVariable()
        hasPosted = try reader.readBool()
        isDeleted = try reader.readBool()
        pendingRename = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
    }
}

extension PendingRename: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.write(username)
        writer.writeOptional(displayName) { $0.write($1) }
        writer.writeOptional(bio) { $0.write($1) }
        writer.writeVariable(version)
        writer.writeOptional(key) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        username = try reader.read()
        displayName = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readString() }
        bio = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readString() }
        version = try reader.readVariable()
        key = try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
    }
}
