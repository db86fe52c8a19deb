/// Counts of what a partition did since it was opened.
package struct PartitionStatistics: Equatable, Sendable {
    /// Tweets appended to home lists.
    package var materializedDeliveries: UInt64 = 0
    /// Tweets that reached this partition's author lists.
    package var deliveries: UInt64 = 0
    package var removals: UInt64 = 0
    package var backfills: UInt64 = 0
    /// Deliveries, removals and backfills that answered a subscription that is over.
    package var oldGenerationMail: UInt64 = 0
    /// Letters that were there already.
    package var repeatedMail: UInt64 = 0
    /// Letters whose predecessor was not there.
    package var mailGaps: UInt64 = 0
    /// Authors that changed between being pushed and being pulled.
    package var pullSwitches: UInt64 = 0
    package var lateArrivals: UInt64 = 0
    package var homeReadsFromList: UInt64 = 0
    /// How often the store was asked for a list.
    package var homeListsFetched: UInt64 = 0
    package var homeReadsComputed: UInt64 = 0
    package var homeListsBuilt: UInt64 = 0
    package var homeListsDropped: UInt64 = 0
    /// How often the tweets that had come to author lists were all taken into the stored lists.
    package var authorListFolds: UInt64 = 0
    /// Changes of author lists that the stored lists may have lacked when the partition was opened.
    package var restoredArrivals: UInt64 = 0
    /// Tweets put back into the tails of home lists when the partition was opened.
    package var restoredTailEntries: UInt64 = 0
    /// Home pages from which removed or filtered entries were left out and others taken in their place.
    package var refilledPages: UInt64 = 0
    /// Home pages that went on below the home list, from the author lists.
    package var pagesBelowList: UInt64 = 0

    package init() {}
}
