/// One tweet in a sorted list.
///
/// 24 bytes as stored: the id with the removal mark in its top bit, the author that the tweet replies to, and the
/// position of arrival.
@frozen
public struct ListEntry: Hashable, Sendable {
    /// As stored, in bytes.
    public static let storedSize = 24
    @usableFromInline static let mark: UInt64 = 1 << 63

    @usableFromInline let markedID: UInt64
    @usableFromInline let markedRecipient: UInt64

    /// The log index, in the partition that holds the list, of the entry that brought this tweet into it. What
    /// "arrived after position p" means, however old the tweet's id is.
    public let arrival: LogIndex

    /// - Parameters:
    ///   - replyTo: the author of the tweet that this one replies to, where it is somebody else: readers who do not
    ///     follow them do not see the reply.
    ///   - isRemoved: the tweet was deleted. The entry stays, invisible, and counts towards the list's cap.
    @inlinable
    public init(tweet: TweetID, replyTo: UserID? = nil, arrival: LogIndex = 0, isRemoved: Bool = false) {
        markedID = tweet.rawValue | (isRemoved ? ListEntry.mark : 0)
        markedRecipient = replyTo.map { $0.rawValue | ListEntry.mark } ?? 0
        self.arrival = arrival
    }

    @inlinable
    init(markedID: UInt64, markedRecipient: UInt64, arrival: LogIndex) {
        self.markedID = markedID
        self.markedRecipient = markedRecipient
        self.arrival = arrival
    }

    @inlinable public var tweet: TweetID { TweetID(markedID) }
    @inlinable public var isRemoved: Bool { markedID & ListEntry.mark != 0 }
    @inlinable public var replyTo: UserID? {
        markedRecipient & ListEntry.mark == 0 ? nil : UserID(markedRecipient)
    }

    /// The same tweet seen by somebody who sees it whoever it replies to.
    @inlinable
    public func withoutReplyTo() -> ListEntry {
        ListEntry(markedID: markedID, markedRecipient: 0, arrival: arrival)
    }

    /// The same tweet as it arrives in another list.
    @inlinable
    public func arriving(at arrival: LogIndex) -> ListEntry {
        ListEntry(markedID: markedID, markedRecipient: markedRecipient, arrival: arrival)
    }

    /// What two copies of one tweet make together: removed if either is, arrived when the later one did. Commutes,
    /// associates and repeats without effect.
    @inlinable
    public func joined(with other: ListEntry) -> ListEntry {
        ListEntry(
            markedID: markedID | other.markedID,
            markedRecipient: max(markedRecipient, other.markedRecipient),
            arrival: max(arrival, other.arrival)
        )
    }
}
