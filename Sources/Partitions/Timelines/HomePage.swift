internal import Model

/// A page of a home timeline while it is being filled: one entry more than asked for is looked at, to know whether
/// the page is the last.
struct HomePage {
    let query: HomeQuery
    /// Entries at or above this are not looked at.
    private(set) var before: TweetID?
    /// Entries that arrived no later than this are not looked at.
    var arrivedAfter: LogIndex?
    private(set) var items: [TweetID] = []
    private(set) var hasMore = false
    /// Whether entries were left out in between.
    private(set) var isRefilled = false
    /// Whom the reader follows, as far as it was looked up for this page.
    var followed: [UserID: Bool] = [:]

    init(_ query: HomeQuery) {
        self.query = query
        before = query.before
        items.reserveCapacity(min(query.count, 256))
    }

    /// Whether nothing more needs to be looked at.
    var isComplete: Bool { hasMore }

    /// Where the next page goes on; nil at the end.
    var next: TweetID? { hasMore ? items.last : nil }

    /// Goes on strictly below `tweet`, or where the query began if that is lower.
    mutating func limitBelow(_ tweet: TweetID) {
        before = before.map { min($0, tweet) } ?? tweet
    }

    mutating func take(_ entry: ListEntry, isVisible: Bool) {
        guard isVisible else {
            isRefilled = true
            return
        }
        if items.count < query.count {
            items.append(entry.tweet)
        } else {
            hasMore = true
        }
    }
}
