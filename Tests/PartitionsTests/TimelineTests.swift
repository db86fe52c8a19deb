import Partitions
import TestSupport
import Testing

/// Materialized timelines equal computed ones, and both equal the model, over 200,000 operations and more.
@Suite struct TimelineTests {
    @Test(arguments: [(4, 10, 8_000), (16, 10, 8_000), (800, 3, 20_000)])
    func materializedEqualsComputed(cap: Int, seeds: Int, operations: Int) throws {
        var total = PartitionStatistics()
        var (count, restarts, trims, races, since, comparisons) = (0, 0, 0, 0, 0, 0)
        for seed in 1...UInt64(seeds) {
            var run = try TimelineProperty(seed: seed * 1_000 + UInt64(cap), cap: cap)
            try run.run(operations: operations)
            total.add(run.statistics)
            count += run.operations
            restarts += run.restarts
            trims += run.trims
            races += run.removalsRacingDelivery
            since += run.sinceHonoured
            comparisons += run.comparisons
        }
        print(
            "cap \(cap): \(count) operations with \(seeds) seeds, \(comparisons) comparisons, \(trims) trims, "
                + "\(total.backfills) backfills, \(total.oldGenerationMail) mails of an old generation, "
                + "\(total.pullSwitches) push and pull switches, \(races) removals racing delivery, "
                + "\(total.refilledPages) refilled pages, \(total.pagesBelowList) pages below the list, "
                + "\(restarts) restarts with \(total.restoredTailEntries) entries put back into tails, \(total.lateArrivals) late arrivals, \(total.mailGaps) gaps, "
                + "\(total.repeatedMail) repeats, \(since) honoured SINCE, "
                + "\(total.materializedDeliveries) materialized deliveries"
        )
        #expect(trims > 0)
        #expect(total.backfills > 0)
        #expect(total.oldGenerationMail > 0)
        #expect(total.pullSwitches > 0)
        #expect(races > 0)
        #expect(total.refilledPages > 0)
        #expect(total.pagesBelowList > 0)
        #expect(restarts > 0)
        #expect(total.restoredTailEntries > 0)
        #expect(total.lateArrivals > 0)
        #expect(total.mailGaps > 0)
        #expect(total.repeatedMail > 0)
        #expect(since > 0)
        #expect(total.materializedDeliveries > 0)
    }
}
