internal import Model

/// Deleting a user. At once they are gone from every view; their edges and tweets are taken apart in slices, each a
/// log entry of its own, so that no entry is long.
extension Partition {
    /// What a slice works off. One user may have both here.
    private enum Part: UInt8, CaseIterable {
        /// The user's own: edges both ways and tweets.
        case account = 1
        /// The edges of this partition's users to them.
        case localFollowers = 2
    }

    func deleteUser(_ command: DeleteUser) throws(PartitionFailure) -> Outcome {
        let id = command.user
        guard var record = try userOrMark(id) else { return .refused(.notFound(id)) }
        guard !record.isDeleted else { return .done(.integer(0)) }
        record.isDeleted = true
        if let rename = record.pendingRename {
            let result = Result<Answer, Refusal>.failure(.notFound(id))
            rememberSettled(result, of: rename.key, actor: .user(id))
            settle(.name(version: rename.version), result)
            record.pendingRename = nil
        }
        put(record, of: id)
        try releaseName(record.username, of: id, version: record.nameVersion)
        homeLists.drop(id, in: transaction, &statistics)
        authorLists.remove(id, in: transaction)
        let subscribers = try subscribers(of: id)
        transaction.delete(keys.of(.subscribers, id.rawValue))
        subscriberSets[id] = nil
        begin(.account, of: id)
        try send(.authorDeleted(id), to: subscribers.partitions)
        return .done(.integer(1))
    }

    /// Mail: an author whom users of this partition follow is gone.
    func authorDeleted(_ author: UserID) throws(PartitionFailure) {
        guard try presence(of: author) != nil else { return }
        try dropHomeLists(ofFollowersOf: author)
        authorLists.remove(author, in: transaction)
        begin(.localFollowers, of: author)
    }

    /// The next slice of a deletion.
    func continueDeletion(of user: UserID) throws(PartitionFailure) -> Outcome {
        var budget = settings.deletionSlice
        for part in Part.allCases where try transaction.contains(key(of: part, user)) {
            switch part {
            case .account:
                try removeFollowing(of: user, &budget)
                try removeFollowers(of: user, &budget)
                try removeTweets(of: user, &budget)
            case .localFollowers:
                try removeLocalFollowers(of: user, &budget)
            }
            guard budget > 0 else { return .applied }
            transaction.delete(key(of: part, user))
        }
        noteDeletion(of: user, isPending: false)
        return .applied
    }

    private func key(of part: Part, _ user: UserID) -> [UInt8] {
        keys.of(.deletion, user.rawValue) + [part.rawValue]
    }

    private func begin(_ part: Part, of user: UserID) {
        transaction.put(key(of: part, user), [])
        noteDeletion(of: user, isPending: true)
    }

    private func removeFollowing(of user: UserID, _ budget: inout Int) throws(PartitionFailure) {
        for other in try lastParts(under: keys.of(.following, user.rawValue), &budget) {
            try removeEdge(from: user, to: UserID(other), tellsAuthor: true)
        }
    }

    private func removeFollowers(of user: UserID, _ budget: inout Int) throws(PartitionFailure) {
        for key in try keys(under: keys.of(.followerByTime, user.rawValue), &budget) {
            transaction.deleteBlindly(key)
        }
    }

    private func removeLocalFollowers(of author: UserID, _ budget: inout Int) throws(PartitionFailure) {
        // The array would be searched for each of them.
        localFollowers.forget(author)
        for follower in try lastParts(under: keys.of(.localFollower, author.rawValue), &budget) {
            try removeEdge(from: UserID(follower), to: author, tellsAuthor: false)
        }
    }

    private func removeTweets(of author: UserID, _ budget: inout Int) throws(PartitionFailure) {
        for inverted in try lastParts(under: keys.of(.tweetByAuthor, author.rawValue), &budget) {
            let tweet = TweetID(~inverted)
            transaction.deleteBlindly(keys.of(.tweetByAuthor, author.rawValue, ~tweet.rawValue))
            try erase(tweet)
        }
    }

    /// The last parts of the keys under a prefix, as many as the budget allows.
    private func lastParts(under prefix: [UInt8], _ budget: inout Int) throws(PartitionFailure) -> [UInt64] {
        var found: [UInt64] = []
        for key in try keys(under: prefix, &budget) {
            found.append(try Keys.integer(key))
        }
        return found
    }

    /// The keys under a prefix, as many as the budget allows.
    private func keys(under prefix: [UInt8], _ budget: inout Int) throws(PartitionFailure) -> [[UInt8]] {
        var found: [[UInt8]] = []
        let most = budget
        guard most > 0 else { return [] }
        try database.forEach(prefix: prefix) { key, _ throws(PartitionFailure) in
            found.append(key)
            return found.count < most
        }
        budget -= found.count
        return found
    }
}

extension Command {
    /// Whether applying it looks in the store for keys that entries just before may have written.
    var scansStore: Bool {
        if case .continueDeletion = self { true } else { false }
    }
}
