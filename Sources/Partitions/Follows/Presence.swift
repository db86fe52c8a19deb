internal import Model

/// Authors whom users of this partition follow, wherever the authors are.
extension Partition {
    func presence(of author: UserID) throws(PartitionFailure) -> AuthorPresence? {
        if let cached = presences[author] { return cached }
        let stored: AuthorPresence? = try transaction.record(keys.of(.presence, author.rawValue))
        presences[author] = stored
        return stored
    }

    /// Stores how many follow the author here, and decides whether they are pushed or pulled.
    func put(_ presence: AuthorPresence, of author: UserID) throws(PartitionFailure) {
        transaction.put(keys.of(.presence, author.rawValue), presence)
        presences[author] = presence
        let isPulled = pulledAuthors.contains(author)
        let limit = UInt64(settings.pullThreshold)
        if !isPulled, presence.followers > limit {
            try switchPolicy(of: author, isPulled: true)
        } else if isPulled, presence.followers < limit / 2 {
            try switchPolicy(of: author, isPulled: false)
        }
    }

    /// One follower less.
    ///
    /// - Returns: whether it was the last one, which ends the subscription.
    func removePresence(of author: UserID) throws(PartitionFailure) -> Bool {
        guard var presence = try presence(of: author) else { return false }
        presence.followers -= min(1, presence.followers)
        guard presence.followers == 0 else {
            try put(presence, of: author)
            return false
        }
        transaction.delete(keys.of(.presence, author.rawValue))
        presences[author] = nil
        localFollowers.forget(author)
        if pulledAuthors.remove(author) != nil {
            transaction.delete(keys.of(.pullState, author.rawValue))
        }
        if layout.partition(of: author) != id {
            authorLists.remove(author, in: transaction)
        }
        return true
    }

    /// Every stored home list names the authors that it lacks; a list that would have to name one more, or one
    /// less, is dropped.
    private func switchPolicy(of author: UserID, isPulled: Bool) throws(PartitionFailure) {
        try dropHomeLists(ofFollowersOf: author)
        statistics.pullSwitches += 1
        if isPulled {
            pulledAuthors.insert(author)
            transaction.put(keys.of(.pullState, author.rawValue), [])
        } else {
            pulledAuthors.remove(author)
            transaction.delete(keys.of(.pullState, author.rawValue))
        }
    }

    func dropHomeLists(ofFollowersOf author: UserID) throws(PartitionFailure) {
        guard !homeLists.isEmpty else { return }
        for follower in try localFollowers.of(author) {
            homeLists.drop(follower, in: transaction, &statistics)
        }
    }
}
