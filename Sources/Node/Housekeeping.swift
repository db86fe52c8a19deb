internal import Foundation
internal import Log
internal import Logging
internal import Model
internal import Partitions
internal import Store
internal import Synchronization

/// Keeps the log short: when it has grown, flushes the store, and lets the segments go that no partition needs. Writes down what is
/// no longer lost.
///
/// Runs on a thread of its own, because a flush blocks.
final class Housekeeping: Sendable {
    private static let interval: TimeInterval = 0.5
    /// The store is flushed this often even if little is written, so that a restart replays little.
    private static let longestAge = Duration.seconds(600)
    private static let shortestAge = Duration.seconds(2)

    private let database: Database
    private let log: GroupCommitLog
    private let lostEntries: LostEntries
    private let limit: UInt64
    private let hosts: HostGroup
    private let logger: Logger
    private let isStopped = Atomic<Bool>(false)

    init(
        database: Database,
        log: GroupCommitLog,
        lostEntries: LostEntries,
        settings: NodeSettings,
        hosts: HostGroup,
        logger: Logger
    ) {
        self.database = database
        self.log = log
        self.lostEntries = lostEntries
        limit = settings.logBytes
        self.hosts = hosts
        self.logger = logger
    }

    func start() {
        let thread = Thread { self.run() }
        thread.name = "housekeeping"
        thread.start()
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private func run() {
        let clock = ContinuousClock()
        var lastFlush = clock.now
        while !isStopped.load(ordering: .relaxed) {
            Thread.sleep(forTimeInterval: Housekeeping.interval)
            saveLostEntries()
            let age = clock.now - lastFlush
            // A partition that has stopped keeps its segments: flushing again and again would not shorten the log.
            guard log.size > limit && age > Housekeeping.shortestAge || age > Housekeeping.longestAge else { continue }
            // Most drains are over after one interval; a longer one lets the segments go the next time.
            hosts.onEach { $0.drainTails() }
            Thread.sleep(forTimeInterval: Housekeeping.interval)
            lastFlush = clock.now
            // The node may have ended meanwhile, and flushes its store itself.
            guard !isStopped.load(ordering: .relaxed) else { return }
            trim()
        }
    }

    /// What cannot be noted now is noted later: until then a restart asks to be left out once more.
    private func saveLostEntries() {
        do throws(StoreError) {
            try lostEntries.save()
        } catch {
            logger.error("what is lost, or is no longer, cannot be noted", metadata: ["error": "\(error)"])
        }
    }

    private func trim() {
        do {
            try database.flush()
            var persisted: [PartitionID: LogIndex] = [:]
            for partition in hosts.partitions {
                persisted[partition] = try Partition.persistedIndex(of: partition, in: database)
            }
            for (partition, index) in hosts.heldBack {
                persisted[partition] = min(persisted[partition] ?? 0, index)
            }
            for partition in hosts.elsewhere {
                persisted[partition] = .max
            }
            log.removeSegments(persisted: persisted)
        } catch {
            logger.error("the store cannot be flushed; the log grows", metadata: ["error": "\(error)"])
        }
    }
}
