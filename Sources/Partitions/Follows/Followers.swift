internal import Model

/// Followers in the author's partition: who they are, and which partitions are subscribed.
extension Partition {
    func subscribers(of author: UserID) throws(PartitionFailure) -> SubscriberSet {
        if let cached = subscriberSets[author] { return cached }
        let stored = try transaction.record(keys.of(.subscribers, author.rawValue)) ?? SubscriberSet()
        subscriberSets[author] = stored
        return stored
    }

    /// Mail: somebody follows or unfollows a user of this partition.
    func edgeChanged(_ change: EdgeChange, from source: PartitionID) throws(PartitionFailure) {
        guard var record = try user(change.author) else {
            if change.isFollowing {
                try send(
                    .edgeRefused(follower: change.follower, author: change.author, version: change.version),
                    to: [source]
                )
            }
            return
        }
        // Mail comes once and in order, and an edge ends only after it has begun: there is nothing to compare with.
        let key = keys.of(.followerByTime, change.author.rawValue, ~change.time, ~change.follower.rawValue)
        if change.isFollowing {
            record.followers += 1
            transaction.putBlindly(key, [])
        } else {
            record.followers -= min(1, record.followers)
            transaction.deleteBlindly(key)
        }
        put(record, of: change.author)
        try changeSubscription(
            of: source,
            to: change.author,
            change.subscription,
            hasPosted: record.hasPosted
        )
    }

    private func changeSubscription(
        of partition: PartitionID,
        to author: UserID,
        _ change: EdgeChange.Subscription,
        hasPosted: Bool
    ) throws(PartitionFailure) {
        guard change != .unchanged else { return }
        var subscribers = try subscribers(of: author)
        switch change {
        case .unchanged: return
        case .begin(let generation, let isListAwaited):
            subscribers.begin(partition, generation: generation)
            // A tweet posted since the follower's partition asked goes with the list: before now, nothing was sent there.
            if partition != id, isListAwaited || hasPosted {
                let list = try authorList(of: author)
                try send(.backfill(author: author, generation: generation, list: list), to: [partition])
            }
        case .end:
            subscribers.end(partition)
        }
        transaction.put(keys.of(.subscribers, author.rawValue), subscribers)
        subscriberSets[author] = subscribers
    }

    /// A page of either edge list, newest follow first.
    func edges(
        of user: UserID,
        _ kind: KeyKind,
        count: Int,
        after cursor: EdgeCursor?
    ) throws(PartitionFailure) -> Result<Answer, Refusal> {
        guard try self.user(user) != nil else { return .failure(.notFound(user)) }
        let prefix = keys.of(kind, user.rawValue)
        let start = cursor.map { keys.of(kind, user.rawValue, ~$0.time, ~$0.user.rawValue) + [0] }
        var items: [UserID] = []
        var last: EdgeCursor?
        var hasMore = false
        try database.forEach(prefix: prefix, from: start) { key, _ throws(PartitionFailure) in
            guard items.count < count else {
                hasMore = true
                return false
            }
            let other = UserID(~(try Keys.integer(key)))
            items.append(other)
            last = EdgeCursor(time: ~(try Keys.integer(key, fromEnd: 1)), user: other)
            return true
        }
        return .success(.edges(Page(items: items, next: hasMore ? last : nil)))
    }
}
