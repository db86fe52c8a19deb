/// What partitions tell each other. Everything one partition's command does to another goes through these.
public enum MailMessage: Hashable, Sendable {
    /// Name partition to user partition: create this user, whose name is reserved.
    case createUser(NameReservation, createdAt: Milliseconds)
    /// The answer: whether the id was free.
    case userCreated(NameReservation, accepted: Bool)
    /// User partition to name partition: reserve a new name for an existing user.
    case reserveName(NameReservation)
    /// The answer: whether the name was free.
    case nameReserved(NameReservation, accepted: Bool)
    /// User partition to name partition: the user no longer has the name.
    case releaseName(folded: String, owner: UserID, version: LogIndex)

    /// Follower's partition to author's partition.
    case edgeChanged(EdgeChange)
    /// Author's partition to follower's partition: no such author; take the edge back.
    case edgeRefused(follower: UserID, author: UserID, version: LogIndex)

    /// Author's partition to a subscribed partition: the author's list so far.
    case backfill(author: UserID, generation: LogIndex, list: SortedList)
    /// Author's partition to its subscribers: a new tweet.
    case delivery(author: UserID, tweet: TweetID, replyTo: UserID?)
    /// Author's partition to its subscribers: a tweet is gone.
    case removal(author: UserID, tweet: TweetID)
    /// Author's partition to its subscribers: the author is gone, with all tweets.
    case authorDeleted(UserID)

    /// Replier's partition to the parent's partition.
    case replyChanged(parent: TweetID, reply: TweetID, isAdded: Bool)
}

extension MailMessage {
    /// The least bytes a message has.
    public static let leastSize = 2

    /// Whether somebody's command is answered only when it, or the answer to it, has arrived.
    public var isAwaited: Bool {
        switch self {
        case .createUser, .userCreated, .reserveName, .nameReserved, .edgeRefused, .backfill: true
        case .edgeChanged(let change): change.subscription.isListAwaited
        case .releaseName, .delivery, .removal, .authorDeleted, .replyChanged: false
        }
    }

    /// About how many bytes it has on the wire.
    public var size: Int {
        switch self {
        case .createUser(let name, _), .userCreated(let name, _), .reserveName(let name), .nameReserved(let name, _):
            64 + name.username.text.utf8.count + name.displayName.utf8.count + name.bio.utf8.count
        case .backfill(_, _, let list): 64 + list.entries.count * ListEntry.storedSize
        default: 64
        }
    }
}

/// A username held for a user while their creation or renaming is under way.
public struct NameReservation: Hashable, Sendable {
    public let username: Username
    public let user: UserID
    public let displayName: String
    public let bio: String
    /// The log index, in the partition that began it, of the command: an answer to an older one changes nothing.
    public let version: LogIndex

    public init(username: Username, user: UserID, displayName: String, bio: String, version: LogIndex) {
        self.username = username
        self.user = user
        self.displayName = displayName
        self.bio = bio
        self.version = version
    }
}

/// A follow or unfollow as the author's partition hears of it.
public struct EdgeChange: Hashable, Sendable {
    /// What the change means for the follower's partition's subscription to the author.
    public enum Subscription: Hashable, Sendable {
        case unchanged
        /// The first follower there: send every later tweet, and the author list, unless there is none and nobody
        /// awaits it.
        case begin(generation: LogIndex, isListAwaited: Bool)
        /// The last follower there left.
        case end

        var isListAwaited: Bool {
            if case .begin(_, let isListAwaited) = self { isListAwaited } else { false }
        }
    }

    public let follower: UserID
    public let author: UserID
    public let isFollowing: Bool
    /// The log index of the change in the follower's partition: a later change has a larger one.
    public let version: LogIndex
    /// Since when the edge is, or was.
    public let time: Microseconds
    public let subscription: Subscription

    public init(
        follower: UserID,
        author: UserID,
        isFollowing: Bool,
        version: LogIndex,
        time: Microseconds,
        subscription: Subscription
    ) {
        self.follower = follower
        self.author = author
        self.isFollowing = isFollowing
        self.version = version
        self.time = time
        self.subscription = subscription
    }
}
