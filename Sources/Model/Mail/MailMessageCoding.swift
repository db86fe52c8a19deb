extension MailMessage: BinaryCodable {
    private enum Kind: UInt8 {
        case createUser = 1
        case userCreated = 2
        case reserveName = 3
        case nameReserved = 4
        case releaseName = 5
        case edgeChanged = 6
        case edgeRefused = 7
        case backfill = 8
        case delivery = 9
        case removal = 10
        case authorDeleted = 11
        case replyChanged = 12
    }

    public func encode(into writer: inout BinaryWriter) {
        switch self {
        case .createUser(let reservation, let createdAt):
            writer.write(Kind.createUser.rawValue)
            writer.write(reservation)
            writer.writeVariable(createdAt)
        case .userCreated(let reservation, let accepted):
            writer.write(Kind.userCreated.rawValue)
            writer.write(reservation)
            writer.write(accepted)
        case .reserveName(let reservation):
            writer.write(Kind.reserveName.rawValue)
            writer.write(reservation)
        case .nameReserved(let reservation, let accepted):
            writer.write(Kind.nameReserved.rawValue)
            writer.write(reservation)
            writer.write(accepted)
        case .releaseName(let folded, let owner, let version):
            writer.write(Kind.releaseName.rawValue)
            writer.write(folded)
            writer.write(owner)
            writer.writeVariable(version)
        case .edgeChanged(let change):
            writer.write(Kind.edgeChanged.rawValue)
            writer.write(change)
        case .edgeRefused(let follower, let author, let version):
            writer.write(Kind.edgeRefused.rawValue)
            writer.write(follower)
            writer.write(author)
            writer.writeVariable(version)
        case .backfill(let author, let generation, let list):
            writer.write(Kind.backfill.rawValue)
            writer.write(author)
            writer.writeVariable(generation)
            writer.write(list.stored())
        case .delivery(let author, let tweet, let replyTo):
            writer.write(Kind.delivery.rawValue)
            writer.write(author)
            writer.write(tweet)
            writer.writeOptional(replyTo) { $0.write($1) }
        case .removal(let author, let tweet):
            writer.write(Kind.removal.rawValue)
            writer.write(author)
            writer.write(tweet)
        case .authorDeleted(let author):
            writer.write(Kind.authorDeleted.rawValue)
            writer.write(author)
        case .replyChanged(let parent, let reply, let isAdded):
            writer.write(Kind.replyChanged.rawValue)
            writer.write(parent)
            writer.write(reply)
            writer.write(isAdded)
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let raw = try reader.readByte()
        guard let kind = Kind(rawValue: raw) else { throw .invalid("mail kind \(raw)") }
        switch kind {
        case .createUser: self = .createUser(try reader.read(), createdAt: try reader.readVariable())
        case .userCreated: self = .userCreated(try reader.read(), accepted: try reader.readBool())
        case .reserveName: self = .reserveName(try reader.read())
        case .nameReserved: self = .nameReserved(try reader.read(), accepted: try reader.readBool())
        case .releaseName:
            self = .releaseName(
                folded: try reader.readString(),
                owner: try reader.readUser(),
                version: try reader.readVariable()
            )
        case .edgeChanged: self = .edgeChanged(try reader.read())
        case .edgeRefused:
            self = .edgeRefused(
                follower: try reader.readUser(),
                author: try reader.readUser(),
                version: try reader.readVariable()
            )
        case .backfill:
            self = .backfill(
                author: try reader.readUser(),
                generation: try reader.readVariable(),
                list: try SortedList(decoding: try reader.readBytes())
            )
        case .delivery:
            self = .delivery(
                author: try reader.readUser(),
                tweet: try reader.readTweet(),
                replyTo: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readUser() }
            )
        case .removal: self = .removal(author: try reader.readUser(), tweet: try reader.readTweet())
        case .authorDeleted: self = .authorDeleted(try reader.readUser())
        case .replyChanged:
            self = .replyChanged(
                parent: try reader.readTweet(),
                reply: try reader.readTweet(),
                isAdded: try reader.readBool()
            )
        }
    }
}

extension NameReservation: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(username)
        writer.write(user)
        writer.write(displayName)
        writer.write(bio)
        writer.writeVariable(version)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            username: try reader.read(),
            user: try reader.readUser(),
            displayName: try reader.readString(),
            bio: try reader.readString(),
            version: try reader.readVariable()
        )
    }
}

extension EdgeChange: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.write(follower)
        writer.write(author)
        writer.write(isFollowing)
        writer.writeVariable(version)
        writer.writeVariable(time)
        switch subscription {
        case .unchanged: writer.write(UInt8(0))
        case .begin(let generation, let isListAwaited):
            writer.write(UInt8(1))
            writer.writeVariable(generation)
            writer.write(isListAwaited)
        case .end: writer.write(UInt8(2))
        }
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let follower = try reader.readUser()
        let author = try reader.readUser()
        let isFollowing = try reader.readBool()
        let version = try reader.readVariable()
        let time = try reader.readVariable()
        let subscription: Subscription
        switch try reader.readByte() {
        case 0: subscription = .unchanged
        case 1:
            subscription = .begin(generation: try reader.readVariable(), isListAwaited: try reader.readBool())
        case 2: subscription = .end
        case let other: throw .invalid("subscription change \(other)")
        }
        self.init(
            follower: follower,
            author: author,
            isFollowing: isFollowing,
            version: version,
            time: time,
            subscription: subscription
        )
    }
}
