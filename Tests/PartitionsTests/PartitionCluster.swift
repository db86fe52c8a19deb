import Log
import Mail
import Model
import Partitions
import Randomness
import Store
import TestSupport

/// A few partitions in one process over one database, with their logs in memory and their mail under a test's
/// control: late, lost, repeated; and crashes that leave only what the database has persisted.
final class PartitionCluster {
    struct Stream: Hashable {
        let source: PartitionID
        let destination: PartitionID
    }

    let layout: PartitionLayout
    let settings: PartitionSettings
    private let directory: TemporaryDirectory
    private var database: Database?
    private let storePath: String
    private(set) var partitions: [PartitionID: Partition] = [:]
    /// Where entries go before they are applied, if the test has given a file system; else `logs` holds them.
    private var files: ForgettingFileSystem?
    private var writer: LogWriter?
    /// Every entry ever applied: what a real node's log holds.
    private var logs: [PartitionID: [LogEntry]] = [:]
    private var stamps: [PartitionID: EntryStamp] = [:]
    private var taken: [Stream: UInt64] = [:]
    private var settled: [Settlement: Result<Answer, Refusal>] = [:]
    /// Counts of runs that ended with a crash.
    private(set) var past = PartitionStatistics()
    var time: Microseconds = 1_700_000_000_000_000

    init(count: Int, settings: PartitionSettings, files: ForgettingFileSystem? = nil) throws {
        guard let layout = PartitionLayout(count: count) else { throw StoreError.other("partition count \(count)") }
        self.layout = layout
        self.settings = settings
        directory = try TemporaryDirectory()
        storePath = directory.fresh("store")
        database = try PartitionCluster.open(storePath)
        self.files = files
        try openPartitions()
        try openLog()
    }

    /// Opens the log, if there is one, applying what the store lacks.
    private func openLog() throws {
        guard let files else { return }
        writer = try LogWriter.open(fileSystem: files, segmentBytes: 2_000) { record throws(LogError) in
            guard let partition = partitions[record.partition], partition.needs(record.index) else { return }
            do {
                _ = try partition.replay(
                    try LogEntry(decoding: record.payload),
                    at: record.index,
                    epoch: record.epoch
                )
            } catch {
                throw .inputOutput("\(error)")
            }
        }.0
        for partition in partitions.values {
            try partition.finishReplay()
        }
    }

    private static func open(_ path: String) throws -> Database {
        var options = DatabaseOptions()
        options.blockCacheBytes = 32 << 20
        options.memtableBytes = 16 << 20
        return try Database(path: path, options: options) { existing, operands in
            try? SortedListMerge.merge(existing: existing, operands: operands)
        }
    }

    private func openPartitions() throws {
        guard let database else { throw StoreError.other("closed") }
        for id in layout.partitions {
            partitions[id] = try Partition(
                id: id,
                layout: layout,
                database: database,
                settings: settings,
                incarnation: UInt64.random(in: 1...UInt64.max)
            )
        }
    }

    func partition(_ id: PartitionID) throws -> Partition {
        guard let partition = partitions[id] else { throw StoreError.other("no partition \(id)") }
        return partition
    }

    // MARK: Commands and queries

    /// Appends and applies a command.
    @discardableResult
    func apply(_ command: Command, in id: PartitionID) throws -> Outcome {
        let partition = try partition(id)
        time += 1
        var stamp = stamps[id] ?? EntryStamp(continuing: partition)
        let entry = stamp.entry(command, now: time)
        stamps[id] = stamp
        if let writer {
            let index = partition.appliedIndex + 1
            try writer.append([LogRecord(partition: id, epoch: 1, index: index, payload: entry.encoded())])
            try writer.sync()
        } else {
            logs[id, default: []].append(entry)
        }
        try partition.stage(entry, at: partition.appliedIndex + 1, epoch: 1)
        guard let applied = try partition.commit().first else { throw StoreError.other("nothing was applied") }
        for one in applied.settled {
            settled[one.settlement] = one.result
        }
        return applied.outcome
    }

    /// Applies a front end's command; delivers mail until it is settled, if it waits for something.
    func run(_ command: Command) throws -> Result<Answer, Refusal> {
        guard let actor = command.actor else { throw StoreError.other("no actor") }
        switch try apply(command, in: actor.partition(in: layout)) {
        case .done(let answer): return .success(answer)
        case .refused(let refusal): return .failure(refusal)
        case .waiting(let settlements, let fallback):
            try deliverEverything()
            return fallback.map { .success($0) } ?? settlements.last.flatMap { settled[$0] }
                ?? .failure(.timeout("never settled"))
        case .mailTaken, .applied: throw StoreError.other("not a front end's command")
        }
    }

    func read(_ query: Query, in id: PartitionID) throws -> Result<Answer, Refusal> {
        try partition(id).read(query, now: time / 1_000)
    }

    // MARK: Mail

    var streams: [Stream] {
        partitions.values.flatMap { partition in
            partition.outgoingMail.destinations.map { Stream(source: partition.id, destination: $0) }
        }.sorted { ($0.source, $0.destination) < ($1.source, $1.destination) }
    }

    func waiting(in stream: Stream) throws -> [Letter] {
        try partition(stream.source).outgoingMail.letters(
            for: stream.destination,
            after: taken[stream] ?? 0,
            limit: .max,
            bytes: .max,
            from: stream.source
        )
    }

    /// Delivers up to `limit` letters of a stream.
    ///
    /// - Parameters:
    ///   - rewind: so many sequence numbers before where the stream stands are sent again.
    ///   - skip: so many letters are lost on the way, in front of the others.
    ///   - isReceiptLost: the destination takes them and the source does not hear of it.
    func deliver(_ stream: Stream, limit: Int, rewind: UInt64 = 0, skip: Int = 0, isReceiptLost: Bool = false) throws {
        let position = taken[stream] ?? 0
        let letters = try partition(stream.source).outgoingMail.letters(
            for: stream.destination,
            after: position - min(rewind, position),
            limit: limit,
            bytes: .max,
            from: stream.source
        )
        guard letters.count > skip else { return }
        let outcome = try apply(.receiveMail(Array(letters.dropFirst(skip))), in: stream.destination)
        guard case .mailTaken(let receipts) = outcome, !isReceiptLost else { return }
        for receipt in receipts where receipt.partition == stream.source {
            taken[stream] = receipt.sequence
        }
    }

    /// Notes in the source's log what a destination has taken.
    func trim(_ stream: Stream) throws {
        guard let sequence = taken[stream], sequence > 0 else { return }
        let receipt = MailReceipt(partition: stream.destination, sequence: sequence)
        try apply(.trimOutbox([receipt]), in: stream.source)
    }

    /// Delivers and trims until no partition has anything to tell another, deletions included.
    func deliverEverything() throws {
        while true {
            var isQuiet = true
            for stream in streams where try !waiting(in: stream).isEmpty {
                try deliver(stream, limit: .max)
                try trim(stream)
                isQuiet = false
            }
            for partition in partitions.values {
                for user in partition.pendingDeletions.sorted() {
                    try apply(.continueDeletion(user), in: partition.id)
                    isQuiet = false
                }
            }
            if isQuiet { return }
        }
    }

    // MARK: Secondaries

    /// A cluster that was given the same entries, some of them at a time, was read and has crashed in between.
    func secondary(using random: inout SeededGenerator) throws -> PartitionCluster {
        let secondary = try PartitionCluster(count: layout.partitions.count, settings: settings)
        secondary.time = time
        for (id, entries) in logs.sorted(by: { $0.key < $1.key }) {
            for (offset, entry) in entries.enumerated() {
                try secondary.stage(entry, at: LogIndex(offset + 1), in: id)
                guard random.one(in: 8) || offset == entries.count - 1 else { continue }
                _ = try secondary.partition(id).commit()
                if random.one(in: 4), let reader = entry.command.actor, case .user(let user) = reader {
                    _ = try secondary.read(.home(HomeQuery(reader: user, count: 10)), in: id)
                }
                if random.one(in: 100) { try secondary.flush() }
                if random.one(in: 400) { try secondary.crash() }
            }
        }
        return secondary
    }

    /// What the store has of a partition's truth, without lists, whose form each replica chooses for itself.
    func truth(of id: PartitionID) throws -> [[UInt8]: [UInt8]] {
        let itsOwn: [UInt8] = [14, 15, 16, 24, 25]  // author lists, home lists and headers, drained index, arrivals
        var truth: [[UInt8]: [UInt8]] = [:]
        guard var iterator = database?.scan(prefix: [UInt8(id.rawValue >> 8), UInt8(id.rawValue & 0xff)]) else {
            return truth
        }
        while let (key, value) = try iterator.next() {
            if !itsOwn.contains(key[2]) { truth[key] = value }
        }
        return truth
    }

    private func stage(_ entry: LogEntry, at index: LogIndex, in id: PartitionID) throws {
        let partition = try partition(id)
        if !partition.takes(entry) { _ = try partition.commit() }
        try partition.stage(entry, at: index, epoch: 1)
        logs[id, default: []].append(entry)
    }

    // MARK: Crashes

    /// Writes some of the tails of home lists, as a node does before it flushes.
    func drainTails(limit: Int) throws {
        for partition in partitions.values {
            _ = try partition.drainTails(limit: limit)
        }
    }

    func flush() throws {
        try database?.flush()
        guard let writer, let database else { return }
        var persisted: [PartitionID: LogIndex] = [:]
        for id in layout.partitions {
            persisted[id] = try Partition.persistedIndex(of: id, in: database)
        }
        try writer.removeSegments { persisted[$0] ?? 0 }
    }

    /// The logs lose their last entries, as they may when they are not synced.
    func forgetLastEntries(_ count: Int) {
        logs = logs.mapValues { Array($0.dropLast(count)) }
    }

    /// The machine dies: the database is found as it was persisted, and the logs' entries behind that are applied
    /// again. What the sources knew of deliveries is lost.
    ///
    /// - Parameter files: what the crash leaves of the log, where the cluster has one.
    func crash(leaving files: ForgettingFileSystem? = nil) throws {
        try reopen()
        if let files {
            self.files = files
            writer = nil
            return try openLog()
        }
        try replayLogs()
        for partition in partitions.values {
            try partition.finishReplay()
        }
    }

    /// The machine dies, and again when it has replayed so many entries of each log and flushed what the store has.
    func crashTwice(replaying count: Int) throws {
        try reopen()
        try replayLogs(upTo: count)
        try database?.flush()
        try crash()
    }

    private func reopen() throws {
        for partition in partitions.values {
            past.add(partition.statistics)
        }
        partitions = [:]
        stamps = [:]
        taken = [:]
        // Closing the database writes nothing out: what is found then is what a crash leaves.
        database = nil
        database = try PartitionCluster.open(storePath)
        try openPartitions()
    }

    private func replayLogs(upTo count: Int = .max) throws {
        for (id, entries) in logs {
            let partition = try partition(id)
            for (offset, entry) in entries.prefix(count).enumerated() where partition.needs(LogIndex(offset + 1)) {
                _ = try partition.replay(entry, at: LogIndex(offset + 1), epoch: 1)
            }
        }
    }

    var statistics: PartitionStatistics {
        var all = past
        for partition in partitions.values {
            all.add(partition.statistics)
        }
        return all
    }
}

extension PartitionStatistics {
    mutating func add(_ other: PartitionStatistics) {
        materializedDeliveries += other.materializedDeliveries
        deliveries += other.deliveries
        removals += other.removals
        backfills += other.backfills
        oldGenerationMail += other.oldGenerationMail
        repeatedMail += other.repeatedMail
        mailGaps += other.mailGaps
        pullSwitches += other.pullSwitches
        lateArrivals += other.lateArrivals
        homeReadsFromList += other.homeReadsFromList
        homeListsFetched += other.homeListsFetched
        homeReadsComputed += other.homeReadsComputed
        homeListsBuilt += other.homeListsBuilt
        authorListFolds += other.authorListFolds
        restoredArrivals += other.restoredArrivals
        homeListsDropped += other.homeListsDropped
        restoredTailEntries += other.restoredTailEntries
        refilledPages += other.refilledPages
        pagesBelowList += other.pagesBelowList
    }
}
