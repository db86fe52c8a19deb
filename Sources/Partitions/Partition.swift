package import Mail
package import Model
package import Store

/// One partition: a deterministic state machine over its part of the database.
///
/// `stage` takes the log's entries in order and is the only thing that changes the truth: users, names, edges, tweets,
/// author lists, outbox and inbox. `commit` writes everything that the staged entries do, the applied index included, in
/// one batch. Home lists, follower arrays and read times are caches: reads build them, entries keep them up or drop
/// them, and no answer depends on them.
///
/// Confined to one thread (its event loop). Calls read the database and may block on the disk.
package final class Partition {
    package let id: PartitionID
    package let layout: PartitionLayout
    package let settings: PartitionSettings
    /// Names this run of this replica; a `Position` of another run means nothing here.
    let incarnation: UInt64

    let database: Database
    let keys: Keys
    let transaction: Transaction
    let outbox: Outbox
    let inbox: Inbox
    let authorLists: AuthorLists
    let homeLists: HomeLists
    let localFollowers: LocalFollowers
    var presences: BoundedCache<UserID, AuthorPresence>
    var users: BoundedCache<UserID, UserRecord>
    var subscriberSets: BoundedCache<UserID, SubscriberSet>
    /// What was read lately, as the store has it.
    var tweets: BoundedCache<TweetID, Tweet>
    /// While the log is replayed.
    var replayed = ReplayedEntries()
    /// Keys of results that staged entries remember, in the order that the store will have them in.
    var rememberedTimes: [[UInt8]] = []
    var pulledAuthors: Set<UserID>
    package private(set) var pendingDeletions: Set<UserID>

    private(set) var meta: PartitionMeta
    /// As of the last entry that the store has: what reads see.
    private(set) var readable: PartitionMeta
    private(set) var current = EntryContext(index: 0, time: 0, mintedID: 0)
    private var settled: [Settled] = []
    private var mail = EntryMail()
    /// What entries came to that the store does not have yet.
    private var staged: [Applied] = []
    /// Whether the store had no space for the staged entries.
    private(set) var isWaitingForSpace = false
    /// What happened since the partition was opened, for metrics and tests.
    package var statistics = PartitionStatistics()

    /// Opens the partition as the database has it. Entries behind `appliedIndex` are to be applied again.
    package init(
        id: PartitionID,
        layout: PartitionLayout,
        database: Database,
        settings: PartitionSettings,
        incarnation: UInt64
    ) throws(PartitionFailure) {
        self.id = id
        self.layout = layout
        self.settings = settings
        self.database = database
        self.incarnation = incarnation
        keys = Keys(partition: id)
        transaction = Transaction(database: database)
        meta = try database.record(keys.of(.meta)) ?? PartitionMeta()
        readable = meta
        outbox = try Outbox(database: database, keys: keys)
        inbox = try Inbox(database: database, keys: keys)
        authorLists = try AuthorLists(database: database, keys: keys, settings: settings)
        homeLists = try HomeLists(database: database, keys: keys, settings: settings)
        localFollowers = LocalFollowers(database: database, keys: keys, limit: settings.followerCacheEntries)
        // A partition has most presences: one of each author whom anybody in it follows.
        presences = BoundedCache(limit: settings.recordCacheBytes / 2) { _ in AuthorPresence.memory }
        users = BoundedCache(limit: settings.recordCacheBytes / 4) { $0.memory }
        subscriberSets = BoundedCache(limit: settings.recordCacheBytes / 4) { $0.memory }
        tweets = BoundedCache(limit: settings.tweetCacheBytes) { $0.memory }
        pulledAuthors = try Partition.users(under: keys.of(.pullState), in: database)
        pendingDeletions = try Partition.users(under: keys.of(.deletion), in: database)
        statistics.restoredArrivals = UInt64(authorLists.restored)
    }

    /// The last entry that was staged. Reads see its effects once the store has them.
    package var appliedIndex: LogIndex { meta.appliedIndex }

    /// Of the last applied entry; 0 before the first.
    package var lastEpoch: UInt64 { meta.lastEpoch }

    /// Of everything that was applied: the same on all replicas that have applied as much.
    package var checksum: UInt64 { meta.checksum }

    /// When the last applied entry entered the log.
    package var lastTime: Microseconds { meta.lastTime }

    /// The largest id minted by applied entries.
    package var lastID: UInt64 { meta.lastID }

    /// Letters on their way to other partitions.
    package var outgoingMail: OutgoingMail { outbox.mail }

    /// Entries whose effects are written to the store together.
    package static let largestGroup = 256

    /// Whether an entry may be staged now, or only behind a `commit`: the group is full, it has to find in the store what
    /// those before it did, or they have filled a list's tail, which is to be written before it grows.
    package func takes(_ entry: LogEntry?) -> Bool {
        if staged.isEmpty { return true }
        return staged.count < Partition.largestGroup && !(entry?.command.scansStore ?? false)
            && !authorLists.isWritingDue && !homeLists.isWritingDue
    }

    /// Applies the next entry of the log to what is in memory. Reads are to wait for `commit`.
    ///
    /// - Parameter entry: nil for the one with which a primary begins its epoch: it changes nothing but the position.
    /// - Throws: where the partition cannot go on; it must not be used again then.
    package func stage(_ entry: LogEntry?, at index: LogIndex, epoch: UInt64) throws(PartitionFailure) {
        guard index == meta.appliedIndex + 1, !isWaitingForSpace, takes(entry) else {
            throw .broken("entry \(index) behind \(meta.appliedIndex)")
        }
        settled = []
        meta.lastEpoch = epoch
        let outcome = if let entry { try carryOut(entry, at: index) } else { Outcome.applied }
        meta.appliedIndex = index
        authorLists.endEntry(at: index, in: transaction)
        meta.checksum = StableHash.hash(meta.checksum ^ index ^ transaction.takeChecksum())
        staged.append(Applied(outcome: outcome, settled: settled))
    }

    private func carryOut(_ entry: LogEntry, at index: LogIndex) throws(PartitionFailure) -> Outcome {
        current = EntryContext(index: index, time: entry.time, mintedID: entry.mintedID)
        meta.lastID = max(meta.lastID, entry.mintedID)
        var outcome = try executeOnce(entry.command)
        if case .waiting(let settlements, let fallback) = outcome {
            outcome = whatIsLeft(of: settlements, fallback)
        }
        postMail()
        meta.lastTime = entry.time
        return outcome
    }

    /// Writes what is staged to the store.
    ///
    /// - Returns: what each entry came to.
    /// - Throws: `PartitionFailure.store(.outOfSpace)` where the store has no space: `commit` is to be called until it
    ///   succeeds, and only reads meanwhile. Anything else where the partition cannot go on; it must not be used again then.
    package func commit() throws(PartitionFailure) -> [Applied] {
        if staged.isEmpty { return [] }
        if !isWaitingForSpace {
            transaction.seal()
            authorLists.writeDue(entriesUpTo: meta.appliedIndex, in: transaction)
            homeLists.writeDue(in: transaction)
            transaction.putBlindly(keys.of(.meta), meta.encoded())
            isWaitingForSpace = true
        }
        try transaction.commit()
        isWaitingForSpace = false
        let applied = staged
        staged.removeAll(keepingCapacity: true)
        rememberedTimes.removeAll(keepingCapacity: true)
        readable = meta
        if authorLists.written() { statistics.authorListFolds += 1 }
        homeLists.written()
        localFollowers.committed()
        while homeLists.tailEntries > settings.largestTails {
            // A drain that finds no space goes on with the next entry.
            guard (try? drainTails()) != nil else { break }
        }
        return applied
    }

    /// Whether the store has everything that was applied. While it has not, no cache is written either: it
    /// must not see a cache of the entry before the entry.
    var isCommitted: Bool { staged.isEmpty }

    /// Carries a command out, or answers what it came to the first time, where it carries a key seen before.
    private func executeOnce(_ command: Command) throws(PartitionFailure) -> Outcome {
        guard let key = command.key, let actor = command.actor else { return try execute(command) }
        try forgetExpiredResults()
        if let remembered = try rememberedOutcome(of: command, key: key, actor: actor) { return remembered }
        let outcome = try execute(command)
        remember(outcome, of: command, key: key, actor: actor)
        return outcome
    }

    private func execute(_ command: Command) throws(PartitionFailure) -> Outcome {
        switch command {
        case .createUser(let command): try createUser(command)
        case .updateUser(let command): try updateUser(command)
        case .deleteUser(let command): try deleteUser(command)
        case .follow(let command): try follow(command)
        case .unfollow(let command): try unfollow(command)
        case .postTweet(let command): try postTweet(command)
        case .deleteTweet(let command): try deleteTweet(command)
        case .restoreTweet(let command): try restoreTweet(command)
        case .receiveMail(let letters): try receiveMail(letters)
        case .trimOutbox(let receipts): trimOutbox(receipts)
        case .continueDeletion(let user): try continueDeletion(of: user)
        }
    }

    /// Answers a read from the state as of `appliedIndex`.
    ///
    /// - Parameter now: when the read happens, in milliseconds, for the caches' bookkeeping only.
    package func read(_ query: Query, now: Milliseconds) throws(PartitionFailure) -> Result<Answer, Refusal> {
        switch query {
        case .users(let users): .success(.users(try views(of: users)))
        case .userNamed(let name): .success(.userID(try user(named: name)))
        case .following(let user, let count, let cursor):
            try edges(of: user, .followingByTime, count: count, after: cursor)
        case .followers(let user, let count, let cursor):
            try edges(of: user, .followerByTime, count: count, after: cursor)
        case .follows(let user, let other): try follows(user, other)
        case .tweets(let tweets): .success(.tweets(try views(of: tweets)))
        case .existence(let users, let tweets): .success(try existence(of: users, and: tweets))
        case .home(let query): try home(query, now: now)
        case .userTimeline(let user, let count, let before, let withTexts):
            try userTimeline(of: user, count: count, before: before, withTexts: withTexts)
        case .dump(let query): .success(try dump(query))
        }
    }

    // MARK: What the parts of the state machine share

    /// Sends a message: by the outbox to other partitions, at once where it is for this one.
    func send(_ message: MailMessage, to destinations: [PartitionID]) throws(PartitionFailure) {
        let others = destinations.filter { $0 != id }
        if !others.isEmpty {
            mail.append(message, to: others)
        }
        if others.count < destinations.count {
            try receive(message, from: id)
        }
    }

    func settle(_ settlement: Settlement, _ result: Result<Answer, Refusal>) {
        settled.append(Settled(settlement: settlement, result: result))
    }

    /// Puts what the entry has to tell other partitions into the outbox.
    private func postMail() {
        for letters in mail.takeAll() {
            let first = LetterNumbers.next(after: meta.outboxSequence, in: meta.lastEpoch)
            outbox.append(letters, from: first, in: transaction)
            meta.outboxSequence = first + UInt64(letters.count - 1)
        }
    }

    /// The next letters have larger numbers than what destinations have taken.
    func passOver(_ receipts: [MailReceipt]) {
        meta.outboxSequence = LetterNumbers.last(meta.outboxSequence, passing: receipts)
    }

    /// What an outcome waits for, without what the entry itself has settled.
    private func whatIsLeft(of settlements: [Settlement], _ fallback: Answer?) -> Outcome {
        let left = settlements.filter { settledResult(of: $0) == nil }
        guard left.isEmpty else { return .waiting(left, fallback: fallback) }
        if let fallback { return .done(fallback) }
        return settlements.last.flatMap { settledResult(of: $0)?.outcome } ?? .applied
    }

    /// What the entry being applied has settled already.
    func settledResult(of settlement: Settlement) -> Result<Answer, Refusal>? {
        settled.first { $0.settlement == settlement }?.result
    }

    /// Mints an id while an entry is applied: the next after the last, whatever the clock says, so that all replicas
    /// mint the same.
    func mintWhileApplying() -> UInt64 {
        meta.lastID = Snowflake.next(after: meta.lastID, at: current.time / 1000, partition: id)
        return meta.lastID
    }

    /// An id of elsewhere is in use: none like it, and none before it, is minted any more.
    func noteID(_ id: UInt64) {
        meta.lastID = max(meta.lastID, id)
    }

    func noteDeletion(of user: UserID, isPending: Bool) {
        if isPending {
            pendingDeletions.insert(user)
        } else {
            pendingDeletions.remove(user)
        }
    }

    private static func users(under prefix: [UInt8], in database: Database) throws(PartitionFailure) -> Set<UserID> {
        var users: Set<UserID> = []
        try database.forEach(prefix: prefix) { key, _ throws(PartitionFailure) in
            users.insert(UserID(try Keys.firstInteger(key)))
            return true
        }
        return users
    }
}

/// The entry that is being applied.
struct EntryContext {
    let index: LogIndex
    let time: Microseconds
    let mintedID: UInt64
}

extension Result<Answer, Refusal> {
    /// As the outcome of a command.
    package var outcome: Outcome {
        switch self {
        case .success(let answer): .done(answer)
        case .failure(let refusal): .refused(refusal)
        }
    }
}
