import Foundation
import Log
import Model
import Randomness
import Synchronization
import TestSupport
import Testing

@Suite struct GroupCommitLogTests {
    private static func record(_ index: Int) -> LogRecord {
        LogRecord(partition: PartitionID(1), epoch: 1, index: LogIndex(index), payload: [1, 2, 3])
    }

    private static func openWriter(_ files: some FileSystem) throws -> LogWriter {
        try LogWriter.open(fileSystem: files, segmentBytes: 1 << 20) { _ in }.0
    }

    @Test(arguments: [Durability.always, .interval(milliseconds: 5), .never])
    func completesInOrderAndKeepsEverythingOverACleanEnd(_ durability: Durability) throws {
        let files = ForgettingFileSystem()
        let log = GroupCommitLog(writer: try Self.openWriter(files), durability: durability)
        let completed = Mutex<[Int]>([])
        for index in 1...500 {
            try log.submit([Self.record(index)]) { result in
                if case .success = result { completed.withLock { $0.append(index) } }
            }
        }
        log.close()
        #expect(completed.withLock { $0 } == Array(1...500))
        var random = SeededGenerator(seed: 1)
        var found: [LogIndex] = []
        _ = try LogWriter.open(fileSystem: files.afterCrash(using: &random), segmentBytes: 1 << 20) { record in
            found.append(record.index)
        }
        #expect(found == Array(1...500))
    }

    /// A disk that answers too late: what it was asked for has failed, and what waited behind is not written.
    @Test func aDiskThatDoesNotAnswerIsGivenUp() throws {
        let directory = try TemporaryDirectory()
        let (reached, answer) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let log = GroupCommitLog(
            writer: try Self.openWriter(LocalFileSystem(path: directory.path)),
            durability: .always
        ) { _ in
            reached.signal()
            answer.wait()
        }
        let results = Mutex<[Bool]>([])
        let note: GroupCommitLog.Completion = { result in
            results.withLock { $0.append((try? result.get()) != nil) }
        }
        try log.submit([Self.record(1)], completion: note)
        reached.wait()
        try log.submit([Self.record(2)], completion: note)
        // As if the whole process had been paused: nobody has looked meanwhile.
        var now = ContinuousClock.now + .milliseconds(400)
        log.failIfStuck(for: .milliseconds(200), at: now)
        #expect(log.failure == nil)
        for _ in 0..<40 where log.failure == nil {
            now += .milliseconds(5)
            log.failIfStuck(for: .milliseconds(200), at: now)
        }
        #expect(log.failure != nil)
        #expect(throws: LogError.self) { try log.submit([Self.record(3)], completion: note) }
        answer.signal()
        log.close()
        #expect(results.withLock { $0 } == [false, false])
        var found: [LogIndex] = []
        _ = try LogWriter.open(fileSystem: LocalFileSystem(path: directory.path), segmentBytes: 1 << 20) { record in
            found.append(record.index)
        }
        #expect(found == [1])
    }

    @Test func anIdleLogWritesNothing() throws {
        let files = ForgettingFileSystem()
        let log = GroupCommitLog(writer: try Self.openWriter(files), durability: .interval(milliseconds: 1))
        try log.submit([Self.record(1)]) { _ in }
        // Written, synced, and the sync noted: then nothing more, however many intervals pass.
        var quiet = 0
        var last = files.operations
        let deadline = Date() + 10
        while quiet < 20, Date() < deadline {
            Thread.sleep(forTimeInterval: 0.005)
            quiet = files.operations == last && last > 0 ? quiet + 1 : 0
            last = files.operations
        }
        #expect(quiet == 20, "still writing after 10 s: \(last) operations")
        log.close()
    }

    @Test func oneSyncCoversWhatArrivedMeanwhile() throws {
        let directory = try TemporaryDirectory()
        let syncs = Mutex(0)
        let log = GroupCommitLog(
            writer: try Self.openWriter(LocalFileSystem(path: directory.path)),
            durability: .always,
            observer: { _ in syncs.withLock { $0 += 1 } }
        )
        for index in 1...20_000 {
            try log.submit([Self.record(index)]) { _ in }
        }
        log.close()
        #expect(syncs.withLock { $0 } < 10_000)
    }

    @Test func afterAFailureEverythingIsRefused() throws {
        let files = ForgettingFileSystem(crashAt: 8)
        let log = GroupCommitLog(writer: try Self.openWriter(files), durability: .always)
        let results = Mutex<[Bool]>([])
        let answered = DispatchSemaphore(value: 0)
        for index in 1...50 {
            do throws(LogError) {
                try log.submit([Self.record(index)]) { result in
                    results.withLock { $0.append((try? result.get()) != nil) }
                    answered.signal()
                }
                // One at a time, so that each is a write of its own.
                #expect(answered.wait(timeout: .now() + 10) == .success, "record \(index)")
            } catch {
                guard case .readOnly = error else {
                    Issue.record("unexpected \(error)")
                    return
                }
            }
        }
        log.close()
        let all = results.withLock { $0 }
        #expect(all.contains(false))
        // Once something failed nothing succeeds any more.
        #expect(all.drop { $0 }.allSatisfy { !$0 })
        #expect(log.failure != nil)
    }

    @Test func theQueueIsBounded() throws {
        let files = SlowFileSystem()
        let log = GroupCommitLog(writer: try Self.openWriter(files), durability: .always, queueBytes: 1_000)
        var busy = 0
        for index in 1...500 {
            do throws(LogError) {
                try log.submit([Self.record(index)]) { _ in }
            } catch {
                #expect(error == .busy)
                busy += 1
            }
        }
        #expect(busy > 0)
        log.close()
    }
}

/// A file system whose syncs take a while.
private struct SlowFileSystem: FileSystem {
    private let inner = ForgettingFileSystem()

    func names() throws(LogError) -> [String] { try inner.names() }
    func remove(_ name: String) throws(LogError) { try inner.remove(name) }
    func syncDirectory() throws(LogError) { try inner.syncDirectory() }

    func open(_ name: String, create: Bool) throws(LogError) -> any AppendableFile {
        SlowFile(inner: try inner.open(name, create: create))
    }

    private final class SlowFile: AppendableFile {
        private let inner: any AppendableFile

        init(inner: any AppendableFile) { self.inner = inner }

        var size: UInt64 { inner.size }
        func append(_ bytes: [UInt8]) throws(LogError) { try inner.append(bytes) }
        func read(at offset: UInt64, count: Int) throws(LogError) -> [UInt8] {
            try inner.read(at: offset, count: count)
        }
        func truncate(to size: UInt64) throws(LogError) { try inner.truncate(to: size) }
        func rewrite(at offset: UInt64, _ bytes: [UInt8]) throws(LogError) { try inner.rewrite(at: offset, bytes) }

        func sync() throws(LogError) {
            Thread.sleep(forTimeInterval: 0.02)
            try inner.sync()
        }
    }
}
