package import Model
package import Store

/// Bringing a partition up to date with its log when it is opened.
extension Partition {
    /// The last entry that nothing would be missing of after a crash now: the log is needed from behind it.
    package static func persistedIndex(of id: PartitionID, in database: Database) throws(PartitionFailure) -> LogIndex {
        let keys = Keys(partition: id)
        let meta: [UInt8]?
        let drained: [UInt8]?
        do throws(StoreError) {
            meta = try database.persistedValue(for: keys.of(.meta))
            drained = try database.persistedValue(for: keys.of(.drainedIndex))
        } catch {
            throw .store(error)
        }
        return min(try appliedIndex(meta), try HomeLists.drainedIndex(drained))
    }

    private static func appliedIndex(_ stored: [UInt8]?) throws(PartitionFailure) -> LogIndex {
        guard let stored else { return 0 }
        let meta: PartitionMeta = try decode(stored)
        return meta.appliedIndex
    }

    /// The last entry of which the store lacks nothing.
    package var storedIndex: LogIndex { min(meta.appliedIndex, homeLists.drainedIndex) }

    /// Whether the store may lack something of an entry.
    package func needs(_ index: LogIndex) -> Bool { index > storedIndex }

    /// Takes an entry of the log while the partition is opened: stages it, or, where the store has its effects on the
    /// truth, notes which home lists may lack it. Entries are written to the store in groups, the last by
    /// `finishReplay`; whoever replays much calls `commit` to bound what waits in memory.
    ///
    /// - Parameter entry: nil for one that begins an epoch.
    /// - Returns: whether the store lacked it.
    package func replay(
        _ entry: LogEntry?,
        at index: LogIndex,
        epoch: UInt64
    ) throws(PartitionFailure) -> Bool {
        replayed.last = index
        guard index <= meta.appliedIndex else {
            try restoreTails()
            if !takes(entry) { _ = try commit() }
            try stage(entry, at: index, epoch: epoch)
            return true
        }
        guard let entry else { return false }
        if index > homeLists.drainedIndex { replayed.authors.formUnion(entry.command.authorsOfTweets) }
        return false
    }

    /// The log holds no more entries of this partition.
    ///
    /// - Parameter lacksEntries: whether some that it should hold are missing.
    package func finishReplay(lacksEntries: Bool = false) throws(PartitionFailure) {
        _ = try commit()
        if homeLists.drainedIndex < meta.appliedIndex, lacksEntries || replayed.last < meta.appliedIndex {
            // The store has the effects of entries that are missing, as after a power failure with relaxed durability too: nobody
            // knows which lists lack them.
            homeLists.dropAll()
        }
        try restoreTails()
        while try !drainTails() {}
    }

    /// Puts back into home lists what was in their tails. The author lists have it all, and a list that stands has
    /// had the same followed authors, pushed, since it was built: any change of those drops it.
    private func restoreTails() throws(PartitionFailure) {
        let drained = homeLists.drainedIndex
        for author in replayed.authors.sorted() {
            let entries = try authorList(of: author).entries
            let followers = try pulledAuthors.contains(author) ? [] : localFollowers.of(author)
            // Oldest first, as they came.
            for entry in entries.reversed() where entry.arrival > drained {
                restore(entry.withoutReplyTo(), to: author)
                for follower in followers {
                    restore(entry, to: follower)
                }
                if homeLists.tailEntries > settings.largestTails { homeLists.fillAll() }
                guard homeLists.isWritingDue else { continue }
                homeLists.writeDue(in: transaction)
                try transaction.commit()
                homeLists.written()
            }
        }
        replayed.authors = []
    }

    private func restore(_ entry: ListEntry, to reader: UserID) {
        if homeLists.push(entry, to: reader, builtBefore: entry.arrival) { statistics.restoredTailEntries += 1 }
    }
}

/// What replaying the log has found so far.
struct ReplayedEntries {
    /// Authors of tweets that home lists had in their tails.
    var authors: Set<UserID> = []
    /// The last entry that the log holds.
    var last: LogIndex = 0
}

extension Command {
    /// Whose author lists the command adds tweets to, or marks them in.
    fileprivate var authorsOfTweets: [UserID] {
        switch self {
        case .postTweet(let command): [command.author]
        case .deleteTweet(let command): [command.author]
        case .restoreTweet(let command): [command.author]
        case .receiveMail(let letters): letters.flatMap(\.messages).compactMap(\.authorOfTweet)
        default: []
        }
    }
}

extension MailMessage {
    fileprivate var authorOfTweet: UserID? {
        switch self {
        case .delivery(let author, _, _), .removal(let author, _): author
        default: nil
        }
    }
}
