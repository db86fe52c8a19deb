internal import Model

/// Follow edges in the follower's partition: strongly consistent at once, and mailed to the author's partition.
extension Partition {
    func follow(_ command: Follow) throws(PartitionFailure) -> Outcome {
        let (follower, author) = (command.follower, command.author)
        guard var record = try user(follower) else { return .refused(.notFound(follower)) }
        guard follower != author else { return .refused(.invalid("users cannot follow themselves")) }
        let isLocal = layout.partition(of: author) == id
        if isLocal, try user(author) == nil { return .refused(.notFound(author)) }
        guard try !transaction.contains(keys.of(.following, follower.rawValue, author.rawValue)) else {
            return try settledFollow(of: author, answer: 0)
        }
        guard record.following < UInt64(settings.largestFollowing) else {
            return .refused(
                .invalid("user \(follower) follows \(record.following) users, at most \(settings.largestFollowing)")
            )
        }
        record.following += 1
        put(record, of: follower)
        let edge = EdgeRecord(version: current.index, time: current.time)
        transaction.put(keys.of(.following, follower.rawValue, author.rawValue), edge)
        transaction.put(keys.of(.followingByTime, follower.rawValue, ~current.time, ~author.rawValue), [])
        transaction.put(keys.of(.localFollower, author.rawValue, follower.rawValue), [])
        localFollowers.insert(follower, of: author)
        homeLists.drop(follower, in: transaction, &statistics)

        var presence =
            try presence(of: author)
            ?? AuthorPresence(generation: current.index, isActive: isLocal, followers: 0)
        presence.followers += 1
        try put(presence, of: author)
        try send(
            .edgeChanged(
                EdgeChange(
                    follower: follower,
                    author: author,
                    isFollowing: true,
                    version: current.index,
                    time: current.time,
                    subscription: presence.followers == 1 ? .begin(generation: current.index) : .unchanged
                )
            ),
            to: [layout.partition(of: author)]
        )
        return try settledFollow(of: author, answer: 1)
    }

    /// A follow is answered when the author's list is here, so that the follower's next read shows it.
    private func settledFollow(of author: UserID, answer: Int64) throws(PartitionFailure) -> Outcome {
        guard let presence = try presence(of: author), !presence.isActive else { return .done(.integer(answer)) }
        return .waiting(
            .backfill(author: author, generation: presence.generation),
            fallback: .integer(answer)
        )
    }

    func unfollow(_ command: Unfollow) throws(PartitionFailure) -> Outcome {
        guard try user(command.follower) != nil else { return .refused(.notFound(command.follower)) }
        guard command.follower != command.author else {
            return .refused(.invalid("users cannot follow themselves"))
        }
        let removed = try removeEdge(from: command.follower, to: command.author, tellsAuthor: true)
        return .done(.integer(removed ? 1 : 0))
    }

    /// Mail: there is no such author to follow.
    func edgeRefused(follower: UserID, author: UserID, version: LogIndex) throws(PartitionFailure) {
        let edge: EdgeRecord? = try transaction.record(keys.of(.following, follower.rawValue, author.rawValue))
        guard edge?.version == version else { return }
        let generation = try presence(of: author)?.generation
        try removeEdge(from: follower, to: author, tellsAuthor: false)
        if let generation {
            settle(.backfill(author: author, generation: generation), .success(.integer(1)))
        }
    }

    /// Takes an edge out of everything in the follower's partition.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    func removeEdge(
        from follower: UserID,
        to author: UserID,
        tellsAuthor: Bool
    ) throws(PartitionFailure) -> Bool {
        let key = keys.of(.following, follower.rawValue, author.rawValue)
        guard let edge: EdgeRecord = try transaction.record(key) else { return false }
        transaction.delete(key)
        transaction.delete(keys.of(.followingByTime, follower.rawValue, ~edge.time, ~author.rawValue))
        transaction.delete(keys.of(.localFollower, author.rawValue, follower.rawValue))
        localFollowers.remove(follower, of: author)
        homeLists.drop(follower, in: transaction, &statistics)
        if var record = try user(follower) {
            record.following -= min(1, record.following)
            put(record, of: follower)
        }
        let isLast = try removePresence(of: author)
        if tellsAuthor {
            try send(
                .edgeChanged(
                    EdgeChange(
                        follower: follower,
                        author: author,
                        isFollowing: false,
                        version: current.index,
                        time: current.time,
                        subscription: isLast ? .end : .unchanged
                    )
                ),
                to: [layout.partition(of: author)]
            )
        }
        return true
    }

    func follows(_ user: UserID, _ other: UserID) throws(PartitionFailure) -> Result<Answer, Refusal> {
        guard try self.user(user) != nil else { return .failure(.notFound(user)) }
        let edge = try database.read(keys.of(.following, user.rawValue, other.rawValue))
        return .success(.integer(edge == nil ? 0 : 1))
    }
}
