import Model
import Partitions
import TestSupport
import Testing

/// Materialized timelines equal computed ones, and both equal the model, over 200,000 operations and more.
@Suite struct TimelineTests {
    /// A log that is not synced may lose entries whose effects the store has: what their lists lack cannot be known.
    @Test(arguments: [0, 1, 5, 50, 100_000])
    func listsAreRightAfterTheLogHasLostItsEnd(lost: Int) throws {
        var settings = PartitionSettings()
        settings.tailEntries = 8
        let cluster = try PartitionCluster(count: 2, settings: settings)
        let users = (1...6).map { UserID(UInt64($0)) }
        for user in users {
            let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
            _ = try cluster.run(.createUser(command)).get()
        }
        for user in users {
            for other in users where other != user {
                _ = try cluster.run(.follow(Follow(follower: user, author: other))).get()
            }
        }
        func home(of user: UserID) throws -> [TweetID] {
            let query = HomeQuery(reader: user, count: 1_000)
            let answer = try cluster.read(.home(query), in: cluster.layout.partition(of: user))
            guard case .success(.home(let page, _, _)) = answer else { return [] }
            return page.items
        }
        for round in 0..<12 {
            for user in users {
                _ = try cluster.run(.postTweet(PostTweet(author: user, text: "\(round)"))).get()
                _ = try home(of: user)
            }
            try cluster.deliverEverything()
        }
        try cluster.flush()
        cluster.forgetLastEntries(lost)
        try cluster.crash()
        for user in users {
            let materialized = try home(of: user)
            try cluster.partition(cluster.layout.partition(of: user)).dropHomeList(of: user)
            #expect(try materialized == home(of: user))
            #expect(materialized.count == 12 * users.count)
        }
    }

    @Test(arguments: [(4, 10, 8_000), (16, 10, 8_000), (800, 3, 20_000)])
    func materializedEqualsComputed(cap: Int, seeds: Int, operations: Int) throws {
        var total = PartitionStatistics()
        var (count, restarts, trims, races, since, comparisons, silent) = (0, 0, 0, 0, 0, 0, 0)
        let budget = SuiteBudget()
        var seedsRun = 0
        for seed in 1...UInt64(seeds) where seed == 1 || !budget.isSpent {
            seedsRun += 1
            var run = try TimelineProperty(seed: seed * 1_000 + UInt64(cap), cap: cap)
            try run.run(operations: operations)
            total.add(run.statistics)
            count += run.operations
            restarts += run.restarts
            trims += run.trims
            races += run.removalsRacingDelivery
            since += run.sinceHonoured
            comparisons += run.comparisons
            silent += run.followsOfSilent
        }
        print(
            "cap \(cap): \(count) operations with \(seedsRun) of \(seeds) seeds, \(comparisons) comparisons, \(trims) trims, "
                + "\(total.backfills) backfills, \(total.oldGenerationMail) mails of an old generation, "
                + "\(total.pullSwitches) push and pull switches, \(races) removals racing delivery, "
                + "\(total.refilledPages) refilled pages, \(total.pagesBelowList) pages below the list, "
                + "\(restarts) restarts with \(total.restoredTailEntries) entries put back into tails, \(total.lateArrivals) late arrivals, \(total.mailGaps) gaps, "
                + "\(total.repeatedMail) repeats, \(since) honoured SINCE, \(silent) follows of the silent, "
                + "\(total.materializedDeliveries) materialized deliveries"
        )
        #expect(trims > 0)
        #expect(total.backfills > 0)
        #expect(total.oldGenerationMail > 0)
        #expect(total.pullSwitches > 0)
        #expect(races > 0)
        #expect(silent > 0)
        #expect(total.refilledPages > 0)
        #expect(total.pagesBelowList > 0)
        #expect(restarts > 0)
        #expect(total.restoredTailEntries > 0)
        #expect(total.authorListFolds > 0)
        #expect(total.restoredArrivals > 0)
        #expect(total.lateArrivals > 0)
        #expect(total.mailGaps > 0)
        #expect(total.repeatedMail > 0)
        #expect(since > 0)
        #expect(total.materializedDeliveries > 0)
        #expect(total.homeListsFetched > 0)
        #expect(total.homeListsFetched < total.homeReadsFromList)
    }

    /// What is read again is not asked for in the store again, and is what the log has left.
    @Test func aListThatWasReadIsKeptUntilTheStoreHasMoreOfIt() throws {
        var settings = PartitionSettings()
        settings.tailEntries = 4
        let cluster = try PartitionCluster(count: 1, settings: settings)
        let (reader, author) = (UserID(1), UserID(2))
        for user in [reader, author] {
            let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
            _ = try cluster.run(.createUser(command)).get()
        }
        _ = try cluster.run(.follow(Follow(follower: reader, author: author))).get()
        func post() throws {
            _ = try cluster.run(.postTweet(PostTweet(author: author, text: "tweet"))).get()
            try cluster.deliverEverything()
        }
        func home() throws -> (count: Int, fetched: UInt64) {
            let query = HomeQuery(reader: reader, count: 100)
            guard case .success(.home(let page, _, _)) = try cluster.read(.home(query), in: PartitionID(0)) else {
                return (-1, 0)
            }
            return (page.items.count, cluster.statistics.homeListsFetched)
        }
        try post()
        check(try home() == (1, 0))
        for count in 2...4 {
            try post()
            check(try home() == (count, 0))
        }
        // The tail is full: the list in memory is not the whole any more.
        try post()
        check(try home() == (5, 1))
        check(try home() == (5, 1))
        try cluster.drainTails(limit: 1)
        check(try home() == (5, 1))
        try post()
        try cluster.drainTails(limit: 1)
        check(try home() == (6, 2))
        try cluster.partition(PartitionID(0)).dropHomeList(of: reader)
        check(try home() == (6, 2))
    }
}

/// Comparisons that throw need a place for that outside of the macro.
private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
