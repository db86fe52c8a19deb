internal import Model

/// What mail of an author's partition does to the lists of this one.
extension Partition {
    /// The author's list so far, in answer to the first follow here.
    func backfill(_ author: UserID, generation: LogIndex, list: SortedList) throws(PartitionFailure) {
        guard var presence = try presence(of: author), presence.generation == generation else {
            statistics.oldGenerationMail += 1
            return
        }
        if !presence.isActive {
            presence.isActive = true
            try put(presence, of: author)
        }
        // What may have come since the subscription began is in it. An earlier subscription's list went with that.
        if !list.entries.isEmpty {
            let arrived = SortedList(
                cap: settings.listCap,
                entries: list.entries.lazy.map { $0.arriving(at: self.current.index) }
            )
            authorLists.replace(author, with: arrived, in: transaction)
            // Lists built since the follow lack the author.
            try dropHomeLists(ofFollowersOf: author)
        }
        statistics.backfills += 1
        settle(.backfill(author: author, generation: generation), .success(.integer(1)))
    }

    /// A new tweet of an author whom users here follow: into the author's list, and into the home lists of those who
    /// read, unless the author is pulled.
    func deliver(
        _ tweet: TweetID,
        by author: UserID,
        replyTo: UserID?,
        from source: PartitionID
    ) throws(PartitionFailure) {
        guard let presence = try presence(of: author), presence.isActive else {
            statistics.oldGenerationMail += 1
            return
        }
        let entry = ListEntry(tweet: tweet, replyTo: replyTo, arrival: current.index)
        if source != id {
            authorLists.add(entry, to: author)
        }
        statistics.deliveries += 1
        guard !pulledAuthors.contains(author), !homeLists.isEmpty else { return }
        if isLate(tweet) {
            statistics.lateArrivals += 1
            return try dropHomeLists(ofFollowersOf: author)
        }
        try push(entry, toFollowersOf: author)
    }

    /// A deleted tweet: marked in the lists that have it.
    func remove(_ tweet: TweetID, by author: UserID) throws(PartitionFailure) {
        guard let presence = try presence(of: author), presence.isActive else {
            statistics.oldGenerationMail += 1
            return
        }
        statistics.removals += 1
        let mark = ListEntry(tweet: tweet, arrival: current.index, isRemoved: true)
        authorLists.add(mark, to: author)
        guard !pulledAuthors.contains(author), !homeLists.isEmpty else { return }
        try push(mark, toFollowersOf: author)
    }

    private func push(_ entry: ListEntry, toFollowersOf author: UserID) throws(PartitionFailure) {
        for follower in try localFollowers.of(author) where homeLists.push(entry, to: follower) {
            statistics.materializedDeliveries += 1
        }
    }

    func isLate(_ tweet: TweetID) -> Bool {
        Snowflake.time(of: tweet.rawValue) * 1000 + settings.lateArrivalMicroseconds < current.time
    }
}
