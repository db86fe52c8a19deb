internal import Model

/// Tweets in their author's partition, and the author lists made of them.
extension Partition {
    func postTweet(_ command: PostTweet) throws(PartitionFailure) -> Outcome {
        guard let author = try user(command.author) else { return .refused(.notFound(command.author)) }
        let tweet = TweetID(current.mintedID)
        try add(
            tweet,
            TweetRecord(
                author: command.author,
                text: command.text,
                replyTo: command.replyTo,
                replyToAuthor: command.replyToAuthor,
                quoteOf: command.quote
            ),
            by: author
        )
        return .done(.tweetID(tweet))
    }

    /// Takes a tweet of another cluster as it was there.
    func restoreTweet(_ command: RestoreTweet) throws(PartitionFailure) -> Outcome {
        let tweet = command.tweet
        guard let author = try user(command.author) else { return .refused(.notFound(command.author)) }
        guard layout.partition(of: tweet) == id else {
            let what = "tweet \(tweet) is not of partition \(id), where its author is: it comes from another cluster "
            return .refused(.invalid(what + "with another number of partitions"))
        }
        guard command.isOfThePast(at: current.time) else {
            return .refused(.invalid("tweet \(tweet) has an id of the future"))
        }
        if let there: TweetRecord = try transaction.record(keys.of(.tweet, tweet.rawValue)) {
            let isTheSame = there.author == command.author && (there.text == command.text || there.isDeleted)
            return isTheSame ? .done(.integer(0)) : .refused(.exists("tweet \(tweet) is another one"))
        }
        noteID(tweet.rawValue)
        try add(
            tweet,
            TweetRecord(
                author: command.author,
                text: command.text,
                replyTo: command.replyTo,
                replyToAuthor: command.replyToAuthor,
                quoteOf: command.quote,
                replies: try takeReplies(of: tweet)
            ),
            by: author
        )
        return .done(.integer(1))
    }

    /// Takes the number of replies that have come here before their parent.
    private func takeReplies(of tweet: TweetID) throws(PartitionFailure) -> UInt64 {
        let key = keys.of(.reply, tweet.rawValue)
        guard let count: ReplyCount = try transaction.record(key) else { return 0 }
        transaction.delete(key)
        return count.value
    }

    /// Counts a reply whose parent is not here: it may be restored later.
    private func changeReplies(ofAbsent tweet: TweetID, isAdded: Bool) throws(PartitionFailure) {
        let key = keys.of(.reply, tweet.rawValue)
        var count = try transaction.record(key) ?? ReplyCount(value: 0)
        count.value = isAdded ? count.value + 1 : count.value - min(1, count.value)
        transaction.put(key, count)
    }

    private func add(_ tweet: TweetID, _ record: TweetRecord, by author: UserRecord) throws(PartitionFailure) {
        var author = author
        author.tweets += 1
        author.hasPosted = true
        put(author, of: record.author)
        put(record, of: tweet)
        transaction.putBlindly(keys.of(.tweetByAuthor, record.author.rawValue, ~tweet.rawValue), [])

        // A reply to oneself is a thread: everyone who follows the author sees it.
        let replyTo = record.replyToAuthor == record.author ? nil : record.replyToAuthor
        let entry = ListEntry(tweet: tweet, replyTo: replyTo, arrival: current.index)
        authorLists.add(entry, to: record.author)
        if isLate(tweet) {
            homeLists.drop(record.author, in: transaction, &statistics)
        } else if homeLists.push(entry.withoutReplyTo(), to: record.author) {
            statistics.materializedDeliveries += 1
        }
        if let parent = record.replyTo, let partition = layout.partition(of: parent) {
            try send(.replyChanged(parent: parent, reply: tweet, isAdded: true), to: [partition])
        }
        try send(
            .delivery(author: record.author, tweet: tweet, replyTo: replyTo),
            to: try subscribers(of: record.author).partitions
        )
    }

    func deleteTweet(_ command: DeleteTweet) throws(PartitionFailure) -> Outcome {
        guard var author = try user(command.author) else { return .refused(.notFound(command.author)) }
        let stored: TweetRecord? = try transaction.record(keys.of(.tweet, command.tweet.rawValue))
        guard let record = stored, !record.isDeleted else { return .done(.integer(0)) }
        guard record.author == command.author else {
            return .refused(.forbidden("tweet \(command.tweet) is not by user \(command.author)"))
        }
        author.tweets -= min(1, author.tweets)
        put(author, of: command.author)
        transaction.deleteBlindly(keys.of(.tweetByAuthor, command.author.rawValue, ~command.tweet.rawValue))
        try erase(command.tweet)
        let mark = ListEntry(tweet: command.tweet, arrival: current.index, isRemoved: true)
        authorLists.add(mark, to: command.author)
        _ = homeLists.push(mark, to: command.author)
        try send(
            .removal(author: command.author, tweet: command.tweet),
            to: try subscribers(of: command.author).partitions
        )
        return .done(.integer(1))
    }

    /// Leaves a mark where a tweet was, without its text, and takes it from its parent's replies.
    func erase(_ tweet: TweetID) throws(PartitionFailure) {
        let stored: TweetRecord? = try transaction.record(keys.of(.tweet, tweet.rawValue))
        guard var record = stored, !record.isDeleted else { return }
        record.isDeleted = true
        record.text = ""
        put(record, of: tweet)
        if let parent = record.replyTo, let partition = layout.partition(of: parent) {
            try send(.replyChanged(parent: parent, reply: tweet, isAdded: false), to: [partition])
        }
    }

    /// Mail: a tweet of this partition has a reply more or less.
    func replyChanged(parent: TweetID, reply: TweetID, isAdded: Bool) throws(PartitionFailure) {
        let replyKey = keys.of(.reply, parent.rawValue, reply.rawValue)
        guard try transaction.contains(replyKey) != isAdded else { return }
        if isAdded {
            transaction.put(replyKey, [])
        } else {
            transaction.delete(replyKey)
        }
        guard var record: TweetRecord = try transaction.record(keys.of(.tweet, parent.rawValue)) else {
            return try changeReplies(ofAbsent: parent, isAdded: isAdded)
        }
        record.replies = isAdded ? record.replies + 1 : record.replies - min(1, record.replies)
        put(record, of: parent)
    }

    /// Stores a tweet, new or changed.
    private func put(_ record: TweetRecord, of id: TweetID) {
        transaction.put(keys.of(.tweet, id.rawValue), record)
        tweets.remove(id)
    }

    func authorList(of author: UserID) throws(PartitionFailure) -> SortedList {
        try authorLists.list(of: author)?.entries(cap: settings.listCap) ?? SortedList(cap: settings.listCap)
    }

    func views(of tweets: [TweetID]) throws(PartitionFailure) -> [Tweet?] {
        var views: [Tweet?] = []
        views.reserveCapacity(tweets.count)
        for id in tweets {
            views.append(try view(of: id))
        }
        return views
    }

    private func view(of id: TweetID) throws(PartitionFailure) -> Tweet? {
        guard let tweet = try tweet(id), try user(tweet.author) != nil else { return nil }
        return tweet
    }

    private func tweet(_ id: TweetID) throws(PartitionFailure) -> Tweet? {
        if let cached = tweets[id] { return cached }
        guard let record: TweetRecord = try database.record(keys.of(.tweet, id.rawValue)), !record.isDeleted else {
            return nil
        }
        let tweet = record.view(id)
        // What waits for space in the store will change it, and does not say so again.
        if !isWaitingForSpace { tweets[id] = tweet }
        return tweet
    }

    func existence(of users: [UserID], and tweets: [TweetID]) throws(PartitionFailure) -> Answer {
        var existing: [KnownUser] = []
        for id in users {
            guard let record = try user(id) else { continue }
            existing.append(KnownUser(id: id, hasPosted: record.hasPosted))
        }
        return .existence(users: existing, authors: try views(of: tweets).map { $0?.author })
    }

    /// A page of one author's tweets, all of them, newest first.
    func userTimeline(
        of author: UserID,
        count: Int,
        before: TweetID?,
        withTexts: Bool
    ) throws(PartitionFailure) -> Result<Answer, Refusal> {
        guard try user(author) != nil else { return .failure(.notFound(author)) }
        let start = before.map { keys.of(.tweetByAuthor, author.rawValue, ~$0.rawValue) + [0] }
        var items: [TweetID] = []
        var hasMore = false
        try database.forEach(prefix: keys.of(.tweetByAuthor, author.rawValue), from: start) {
            key,
            _ throws(PartitionFailure) in
            guard items.count < count else {
                hasMore = true
                return false
            }
            items.append(TweetID(~(try Keys.integer(key))))
            return true
        }
        let next = hasMore ? items.last : nil
        guard withTexts else { return .success(.timeline(Page(items: items, next: next))) }
        return .success(.timelineWithTexts(Page(items: try views(of: items).compactMap { $0 }, next: next)))
    }
}

extension Tweet {
    /// About what one takes in a cache, in bytes.
    var memory: Int { 160 + text.utf8.count }
}

extension RestoreTweet {
    /// How far the clocks of two clusters may be apart, in milliseconds.
    private static let largestAdvance: Milliseconds = 60_000

    /// Whether a cluster whose time is `time` can have a tweet with such an id.
    func isOfThePast(at time: Microseconds) -> Bool {
        Snowflake.time(of: tweet.rawValue) <= time / 1000 + RestoreTweet.largestAdvance
    }
}
