internal import Model

/// Follow edges in the follower's partition: strongly consistent at once, and mailed to the author's partition.
extension Partition {
    /// All of the command's edges begin, or none does.
    func follow(_ command: Follow) throws(PartitionFailure) -> Outcome {
        let follower = command.follower
        guard var record = try user(follower) else { return .refused(.notFound(follower)) }
        if let refusal = try refusal(of: command) { return .refused(refusal) }
        let fresh = try edgesToBegin(by: command, following: record.following)
        guard record.following + UInt64(fresh.count) <= UInt64(settings.largestFollowing) else {
            let what = "user \(follower) follows \(record.following) users, at most \(settings.largestFollowing)"
            return .refused(.invalid(what))
        }
        if !fresh.isEmpty {
            record.following += UInt64(fresh.count)
            put(record, of: follower)
            homeLists.drop(follower, in: transaction, &statistics)
        }
        for edge in fresh {
            try begin(edge, of: follower)
        }
        return try settledFollow(by: command, answer: Int64(fresh.count))
    }

    private func refusal(of command: Follow) throws(PartitionFailure) -> Refusal? {
        for followed in command.authors {
            guard followed.author != command.follower else { return .invalid("users cannot follow themselves") }
            let isLocal = layout.partition(of: followed.author) == id
            if isLocal, try user(followed.author) == nil { return .notFound(followed.author) }
        }
        return nil
    }

    /// The edges that are not there yet, each author once. Each has a time of its own, so that lists keep the command's
    /// order: the entry has reserved that many before its own.
    ///
    /// - Parameter following: how many users the follower follows.
    private func edgesToBegin(by command: Follow, following: UInt64) throws(PartitionFailure) -> [FreshEdge] {
        var fresh: [FreshEdge] = []
        var seen: Set<UserID> = []
        for (offset, followed) in command.authors.enumerated() where seen.insert(followed.author).inserted {
            let key = keys.of(.following, command.follower.rawValue, followed.author.rawValue)
            let isThere = following > 0 ? try transaction.contains(key) : false
            guard !isThere else { continue }
            let before = Microseconds(command.authors.count - 1 - offset)
            let now = current.time - min(current.time, before)
            fresh.append(FreshEdge(followed, time: min(followed.since ?? now, now)))
        }
        return fresh
    }

    private func begin(_ edge: FreshEdge, of follower: UserID) throws(PartitionFailure) {
        let author = edge.author
        let record = EdgeRecord(version: current.index, time: edge.time)
        transaction.put(keys.of(.following, follower.rawValue, author.rawValue), record)
        transaction.putBlindly(keys.of(.followingByTime, follower.rawValue, ~edge.time, ~author.rawValue), [])
        transaction.putBlindly(keys.of(.localFollower, author.rawValue, follower.rawValue), [])
        localFollowers.insert(follower, of: author)

        let home = layout.partition(of: author)
        var presence =
            try presence(of: author)
            ?? AuthorPresence(generation: current.index, isActive: home == id || !edge.hasPosted, followers: 0)
        presence.followers += 1
        try put(presence, of: author)
        try send(
            .edgeChanged(
                EdgeChange(
                    follower: follower,
                    author: author,
                    isFollowing: true,
                    version: current.index,
                    time: edge.time,
                    subscription: presence.followers == 1
                        ? .begin(generation: current.index, isListAwaited: !presence.isActive) : .unchanged
                )
            ),
            to: [home]
        )
    }

    /// A follow is answered when the authors' lists are here, so that the follower's next read shows them.
    private func settledFollow(by command: Follow, answer: Int64) throws(PartitionFailure) -> Outcome {
        var awaited: [Settlement] = []
        for followed in command.authors {
            guard let presence = try presence(of: followed.author), !presence.isActive else { continue }
            let settlement = Settlement.backfill(author: followed.author, generation: presence.generation)
            if !awaited.contains(settlement) { awaited.append(settlement) }
        }
        return awaited.isEmpty ? .done(.integer(answer)) : .waiting(awaited, fallback: .integer(answer))
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
        transaction.deleteBlindly(keys.of(.followingByTime, follower.rawValue, ~edge.time, ~author.rawValue))
        transaction.deleteBlindly(keys.of(.localFollower, author.rawValue, follower.rawValue))
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
                        time: edge.time,
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

/// An edge that a follow begins.
private struct FreshEdge {
    let author: UserID
    let hasPosted: Bool
    let time: Microseconds

    init(_ followed: FollowedAuthor, time: Microseconds) {
        author = followed.author
        hasPosted = followed.hasPosted
        self.time = time
    }
}
