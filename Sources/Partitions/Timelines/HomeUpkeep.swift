package import Model
internal import Store

/// Keeping home lists between entries: writing their tails, dropping lists that nobody reads.
extension Partition {
    /// How many readers have a home list.
    package var homeListCount: Int { homeLists.count }

    /// Entries of home lists that are in memory and in the log only.
    package var tailEntryCount: Int { homeLists.tailEntries }

    /// Writes tails of home lists to the store, a bounded number at a time, so that the log is not needed for them.
    ///
    /// - Returns: whether all that was in tails when the first slice was written is in the store.
    package func drainTails(limit: Int = 256) throws(PartitionFailure) -> Bool {
        guard isCommitted else { throw .store(.outOfSpace("an entry waits for space in the store")) }
        let batch = WriteBatch()
        let slice = homeLists.nextSlice(appliedIndex: meta.appliedIndex, limit: limit, in: batch)
        try database.commit(batch)
        homeLists.finish(slice)
        return slice.isLast
    }

    /// Drops home lists that nobody has read since `horizon`, a bounded number at a time.
    ///
    /// - Parameter startedAt: when the process started; lists from before count as read then.
    /// - Returns: whether there may be more.
    package func dropUnreadHomeLists(
        since horizon: Milliseconds,
        startedAt: Milliseconds
    ) throws(PartitionFailure) -> Bool {
        guard isCommitted else { return false }
        let batch = WriteBatch()
        let slice = 1000
        let dropped = homeLists.dropUnread(since: horizon, startedAt: startedAt, limit: slice, in: batch)
        statistics.homeListsDropped += UInt64(dropped)
        try database.commit(batch)
        homeLists.deletionsWritten()
        return dropped == slice
    }

    /// Forgets a reader's home list. For tests: no answer changes.
    package func dropHomeList(of reader: UserID) throws(PartitionFailure) {
        homeLists.drop(reader, in: transaction, &statistics)
        transaction.seal()
        try transaction.commit()
    }
}
