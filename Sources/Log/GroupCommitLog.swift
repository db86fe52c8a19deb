internal import Dispatch
internal import Foundation
package import Model

/// What a sync of the log did, for metrics.
package struct LogSync: Sendable {
    package let records: Int
    package let bytes: Int
    package let writeNanoseconds: Int64
    package let syncNanoseconds: Int64
}

/// A node's one log, shared by all its partitions: a thread writes and syncs whatever has arrived since its last
/// sync, so that one `fdatasync` covers all of it.
package final class GroupCommitLog: Sendable {
    /// Called on the log's thread, in the order of submission.
    package typealias Completion = @Sendable (Result<Void, LogError>) -> Void

    private let queue: CommitQueue

    /// - Parameters:
    ///   - queueBytes: what may wait in memory to be written; more is refused as `LogError.busy`.
    ///   - observer: called on the log's thread after each write.
    package init(
        writer: consuming sending LogWriter,
        durability: Durability,
        queueBytes: Int = 64 << 20,
        observer: @escaping @Sendable (LogSync) -> Void = { _ in }
    ) {
        let queue = CommitQueue(limit: queueBytes)
        self.queue = queue
        let loop = CommitLoop(queue: queue, writer: writer, durability: durability, observer: observer)
        let thread = Thread { loop.run() }
        thread.name = "log"
        thread.start()
    }

    /// Appends records; `completion` says when they are durable as configured, or why they never will be.
    ///
    /// - Throws: `LogError.busy` or `LogError.closed`; nothing was taken then, and `completion` is not called.
    package func submit(_ records: [LogRecord], completion: @escaping Completion) throws(LogError) {
        try queue.append(.records(records, completion), bytes: records.reduce(0) { $0 + $1.payload.count + 26 })
    }

    /// Removes segments that `persisted` covers, on the log's thread.
    package func removeSegments(persisted: [PartitionID: LogIndex]) {
        try? queue.append(.removal(persisted), bytes: 0)
    }

    /// Gives `completion` the log's files with everything submitted before, on the log's thread, or why there are none.
    package func extents(_ completion: @escaping @Sendable (Result<[SegmentExtent], LogError>) -> Void) {
        do throws(LogError) {
            try queue.append(.extents(completion), bytes: 0)
        } catch {
            completion(.failure(error))
        }
    }

    /// Bytes waiting to be written.
    package var queuedBytes: Int { queue.bytes }

    /// Bytes of all segments, as of the last write.
    package var size: UInt64 { queue.size }

    /// Why the log takes nothing any more; nil while it works.
    package var failure: LogError? { queue.failure }

    /// Fails the log where its disk has not answered for so long, as if a sync had failed: others may be able to do without
    /// it. Whatever it answers later counts no more. To be called often: a long time between two calls is one in which the
    /// process did not run, and says nothing of the disk.
    ///
    /// - Parameter now: when the log is looked at; not before the last look.
    package func failIfStuck(for patience: Duration, at now: ContinuousClock.Instant = .now) {
        queue.failIfStuck(for: patience, at: now)
    }

    /// Writes and syncs what was submitted, then ends the thread. Blocks.
    package func close() {
        queue.close()
        queue.waitUntilEnded()
    }
}

/// What waits for the log's thread.
private enum Submission: Sendable {
    case records([LogRecord], GroupCommitLog.Completion)
    case removal([PartitionID: LogIndex])
    case extents(@Sendable (Result<[SegmentExtent], LogError>) -> Void)
}

/// The bounded queue between the event loops and the log's thread.
private final class CommitQueue: @unchecked Sendable {
    // Safe to share: every property is read and written under `condition`'s lock only.
    private let condition = NSCondition()
    /// Signalled when something waits that did not before.
    private let arrival = DispatchSemaphore(value: 0)
    private let limit: Int
    private var waiting: [Submission] = []
    private var waitingBytes = 0
    private var isClosed = false
    private var hasEnded = false
    private var lastFailure: LogError?
    private var lastSize: UInt64 = 0
    /// Whether the thread waits for the disk.
    private var isBusy = false
    /// When somebody last looked whether it does.
    private var lastLook = ContinuousClock.now
    /// How long it has, of the time in which somebody looked.
    private var busyTime = Duration.zero
    private static let longestBetweenLooks = Duration.milliseconds(100)

    init(limit: Int) {
        self.limit = limit
    }

    var bytes: Int { condition.withLock { waitingBytes } }
    var failure: LogError? { condition.withLock { lastFailure } }
    var size: UInt64 { condition.withLock { lastSize } }

    func append(_ submission: Submission, bytes: Int) throws(LogError) {
        condition.lock()
        defer { condition.unlock() }
        if isClosed { throw .closed }
        if let lastFailure { throw lastFailure }
        guard waitingBytes + bytes <= limit || waiting.isEmpty else { throw .busy }
        waiting.append(submission)
        waitingBytes += bytes
        if waiting.count == 1 { arrival.signal() }
    }

    /// Waits for submissions and takes all of them; empty when `deadline` passes first, nil when the log is closed
    /// and nothing is left.
    func take(until deadline: DispatchTime) -> [Submission]? {
        while true {
            let (taken, isOver) = condition.withLock {
                defer {
                    waiting = []
                    waitingBytes = 0
                }
                if !waiting.isEmpty { beginWork() }
                return (waiting, isClosed)
            }
            if !taken.isEmpty { return taken }
            if isOver { return nil }
            // Monotonic: a clock that steps back must not put the next sync off.
            if arrival.wait(timeout: deadline) == .timedOut {
                condition.withLock { beginWork() }
                return []
            }
        }
    }

    var isEmpty: Bool { condition.withLock { waiting.isEmpty } }

    /// Notes what became of what was taken.
    ///
    /// - Returns: why the log has failed before this, where it has: it may have been given up meanwhile.
    @discardableResult
    func report(size: UInt64, failure: LogError?) -> LogError? {
        condition.withLock {
            defer { lastFailure = lastFailure ?? failure }
            lastSize = size
            return lastFailure
        }
    }

    /// The disk has answered, and is to answer again.
    func noteProgress() { condition.withLock { beginWork() } }

    func endWork() { condition.withLock { isBusy = false } }

    /// Under the lock.
    private func beginWork() {
        isBusy = true
        lastLook = .now
        busyTime = .zero
    }

    func failIfStuck(for patience: Duration, at now: ContinuousClock.Instant) {
        condition.withLock {
            guard lastFailure == nil, isBusy else { return }
            busyTime += min(now - lastLook, CommitQueue.longestBetweenLooks)
            lastLook = now
            guard busyTime > patience else { return }
            lastFailure = .readOnly(cause: "its disk has not answered for \(patience)")
        }
    }

    func close() {
        condition.withLock {
            isClosed = true
            arrival.signal()
        }
    }

    func end() {
        condition.withLock {
            hasEnded = true
            condition.broadcast()
        }
    }

    func waitUntilEnded() {
        condition.withLock {
            while !hasEnded {
                condition.wait()
            }
        }
    }
}

/// What the log's thread runs: it owns the writer.
private final class CommitLoop: @unchecked Sendable {
    // Safe to share: handed to the log's thread once, and touched by that thread alone from then on.

    /// Payload of one batch; far below what the format allows.
    private static let largestBatchBytes = 32 << 20

    private let queue: CommitQueue
    private let writer: LogWriter
    private let durability: Durability
    private let observer: @Sendable (LogSync) -> Void
    private var lastSync = DispatchTime.now()

    init(
        queue: CommitQueue,
        writer: LogWriter,
        durability: Durability,
        observer: @escaping @Sendable (LogSync) -> Void
    ) {
        self.queue = queue
        self.writer = writer
        self.durability = durability
        self.observer = observer
    }

    func run() {
        queue.report(size: writer.size, failure: nil)
        while let submissions = queue.take(until: nextSync) {
            process(submissions)
        }
        do throws(LogError) {
            try writer.sync()
            try writer.noteSync()
        } catch {
            queue.report(size: writer.size, failure: error)
        }
        queue.end()
    }

    /// When the thread must wake up though nothing arrives.
    private var nextSync: DispatchTime {
        guard case .interval(let milliseconds) = durability, queue.failure == nil else { return .distantFuture }
        return lastSync + .milliseconds(milliseconds)
    }

    private func process(_ submissions: [Submission]) {
        var records: [LogRecord] = []
        var completions: [GroupCommitLog.Completion] = []
        for case .records(let more, let completion) in submissions {
            records.append(contentsOf: more)
            completions.append(completion)
        }
        var result: Result<Void, LogError> = Result { () throws(LogError) in
            if let failure = queue.failure { throw failure }
            try commit(records)
        }
        var failure: LogError?
        if case .failure(let error) = result { failure = error }
        for case .removal(let persisted) in submissions where failure == nil {
            do throws(LogError) {
                try writer.removeSegments { persisted[$0] ?? 0 }
                queue.noteProgress()
            } catch {
                failure = error
            }
        }
        if let earlier = queue.report(size: writer.size, failure: failure) {
            failure = earlier
            result = .failure(earlier)
        }
        for case .extents(let completion) in submissions {
            completion(failure.map { .failure($0) } ?? .success(writer.extents))
        }
        for completion in completions {
            completion(result)
        }
        if failure == nil, queue.isEmpty {
            try? writer.noteSync()
        }
        queue.endWork()
    }

    private func commit(_ records: [LogRecord]) throws(LogError) {
        let clock = ContinuousClock()
        let began = clock.now
        let before = writer.end
        var rest = records[...]
        while !rest.isEmpty {
            rest = rest.dropFirst(try appendBatch(rest))
            queue.noteProgress()
        }
        let written = clock.now
        if shouldSync {
            try writer.sync()
            lastSync = .now()
        }
        guard !records.isEmpty else { return }
        observer(
            LogSync(
                records: records.count,
                bytes: Int(writer.end - before),
                writeNanoseconds: (written - began).nanoseconds,
                syncNanoseconds: (clock.now - written).nanoseconds
            )
        )
    }

    /// Appends as many records as one batch may hold, at least one.
    ///
    /// - Returns: how many.
    private func appendBatch(_ records: ArraySlice<LogRecord>) throws(LogError) -> Int {
        var bytes = 0
        let batch = records.prefix { record in
            bytes += record.payload.count
            return bytes <= CommitLoop.largestBatchBytes
        }
        let chosen = Array(batch.isEmpty ? records.prefix(1) : batch)
        try writer.append(chosen)
        return chosen.count
    }

    private var shouldSync: Bool {
        switch durability {
        case .always: true
        case .interval: DispatchTime.now() >= nextSync
        case .never: false
        }
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
