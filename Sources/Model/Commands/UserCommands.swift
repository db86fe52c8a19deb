/// `USER.CREATE`: begins in the name's partition.
public struct CreateUser: Hashable, Sendable {
    public let username: Username
    /// The id the caller wants; minted where absent.
    public let requestedID: UserID?
    /// The display name; the username where absent.
    public let displayName: String?
    public let bio: String
    /// Since when there is the user, for one that is brought from elsewhere; nil for one who begins now.
    public let createdAt: Milliseconds?
    public let key: IdempotencyKey?

    public init(
        username: Username,
        requestedID: UserID?,
        displayName: String?,
        bio: String = "",
        createdAt: Milliseconds? = nil,
        key: IdempotencyKey? = nil
    ) {
        self.username = username
        self.requestedID = requestedID
        self.displayName = displayName
        self.bio = bio
        self.createdAt = createdAt
        self.key = key
    }
}

/// `USER.UPDATE`: absent fields stay as they are.
public struct UpdateUser: Hashable, Sendable {
    public let user: UserID
    public let displayName: String?
    public let bio: String?
    public let username: Username?
    public let key: IdempotencyKey?

    public init(
        user: UserID,
        displayName: String? = nil,
        bio: String? = nil,
        username: Username? = nil,
        key: IdempotencyKey? = nil
    ) {
        self.user = user
        self.displayName = displayName
        self.bio = bio
        self.username = username
        self.key = key
    }
}

/// `USER.DELETE`.
public struct DeleteUser: Hashable, Sendable {
    public let user: UserID
    public let key: IdempotencyKey?

    public init(user: UserID, key: IdempotencyKey? = nil) {
        self.user = user
        self.key = key
    }
}

extension CreateUser: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(username)
        writer.writeOptional(requestedID) { $0.write($1) }
        writer.writeOptional(displayName) { $0.write($1) }
        writer.write(bio)
        writer.writeOptional(createdAt) { $0.writeVariable($1) }
        writer.writeOptional(key) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            username: try reader.read(),
            requestedID: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() },
            displayName: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readString() },
            bio: try reader.readString(),
            createdAt: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readVariable() },
            key: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
        )
    }
}

extension UpdateUser: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(user)
        writer.writeOptional(displayName) { $0.write($1) }
        writer.writeOptional(bio) { $0.write($1) }
        writer.writeOptional(username) { $0.write($1) }
        writer.writeOptional(key) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            user: try reader.readUser(),
            displayName: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readString() },
            bio: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readString() },
            username: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() },
            key: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
        )
    }
}

extension DeleteUser: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(user)
        writer.writeOptional(key) { $0.write($1) }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            user: try reader.readUser(),
            key: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
        )
    }
}

extension Username: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) { writer.write(text) }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let text = try reader.readString()
        guard let username = try? Username(text) else { throw .invalid("username of \(text.utf8.count) bytes") }
        self = username
    }
}
