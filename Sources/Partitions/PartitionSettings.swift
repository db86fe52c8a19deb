/// What an operator can set about partitions. The same on all nodes of a cluster.
package struct PartitionSettings: Sendable, Equatable {
    /// References kept in an author list and in a home list, 1 to 65,535.
    package var listCap = 800
    /// How many users one user may follow.
    package var largestFollowing = 5_000
    /// Authors with more followers than this in one partition are pulled there: merged when their followers read,
    /// not pushed when they post. They are pushed again below half of it.
    package var pullThreshold = 4_096
    /// Home lists kept in one partition; beyond it those not read for longest go.
    package var largestHomeLists = 1_000_000
    /// Tweets that come to author lists before they are taken into the stored lists. About 100 bytes of memory each at most,
    /// twice.
    package var largestArrivals = 16_384
    /// Entries of a list kept in memory before they are written to the store in one operand.
    package var tailEntries = 64
    /// Entries in the tails of all home lists of one partition; beyond it tails are written before they are full.
    package var largestTails = 1_000_000
    /// Followers of authors kept in memory for fan-out, over all authors of one partition.
    package var followerCacheEntries = 4_000_000
    /// About the memory, in bytes, of the records that one partition keeps: users, and who follows authors where.
    package var recordCacheBytes = 32 << 20
    /// About the memory, in bytes, of the tweets that one partition keeps for readers.
    package var tweetCacheBytes = 8 << 20
    /// About the memory, in bytes, of the home lists that one partition keeps as the store has them.
    package var homeListCacheBytes = 8 << 20
    /// How long a result under a `KEY` is remembered, in microseconds of log time.
    package var idempotencyMicroseconds: UInt64 = 24 * 3_600 * 1_000_000
    /// A tweet that arrives later than this after its minting drops the lists it belongs into instead of joining
    /// them, so that "what is new" misses none. In microseconds of log time.
    package var lateArrivalMicroseconds: UInt64 = 10 * 1_000_000
    /// Keys that one slice of a user's deletion removes.
    package var deletionSlice = 500

    package init() {}
}
