internal import Model

/// Followers in the author's partition: who they are, and which partitions are subscribed.
extension Partition {
    func subscribers(of author: UserID) throws(PartitionFailure) -> SubscriberSet {
        try transaction.record(keys.of(.subscribers, author.rawValue)) ?? SubscriberSet()
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
        let key = keys.of(.follower, change.author.rawValue, change.follower.rawValue)
        let existing: EdgeRecord? = try transaction.record(key)
        if change.isFollowing {
            guard existing.map({ $0.version < change.version }) ?? true else { return }
            if let existing {
                transaction.delete(byTimeKey(of: change.follower, existing, change.author))
            } else {
                record.followers += 1
                put(record, of: change.author)
            }
            let edge = EdgeRecord(version: change.version, time: change.time)
            transaction.put(key, edge)
            transaction.put(byTimeKey(of: change.follower, edge, change.author), [])
        } else if let existing, existing.version < change.version {
            try removeFollower(change.follower, of: change.author)
            record.followers -= min(1, record.followers)
            put(record, of: change.author)
        }
        try changeSubscription(of: source, to: change.author, change.subscription)
    }

    func removeFollower(_ follower: UserID, of author: UserID) throws(PartitionFailure) {
        let key = keys.of(.follower, author.rawValue, follower.rawValue)
        guard let edge: EdgeRecord = try transaction.record(key) else { return }
        transaction.delete(key)
        transaction.delete(byTimeKey(of: follower, edge, author))
    }

    private func byTimeKey(of follower: UserID, _ edge: EdgeRecord, _ author: UserID) -> [UInt8] {
        keys.of(.followerByTime, author.rawValue, ~edge.time, ~follower.rawValue)
    }

    private func changeSubscription(
        of partition: PartitionID,
        to author: UserID,
        _ change: EdgeChange.Subscription
    ) throws(PartitionFailure) {
        guard change != .unchanged else { return }
        var subscribers = try subscribers(of: author)
        switch change {
        case .unchanged: return
        case .begin(let generation):
            subscribers.generations[partition] = generation
            if partition != id {
                try send(
                    .backfill(author: author, generation: generation, list: try authorList(of: author)),
                    to: [partition]
                )
            }
        case .end:
            subscribers.generations[partition] = nil
        }
        transaction.put(keys.of(.subscribers, author.rawValue), subscribers)
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
