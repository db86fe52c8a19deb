import Log
import Model
import Randomness
import TestSupport
import Testing

/// The log on a file system that forgets: what was acknowledged is there after a crash at any point, and damage is
/// told from a torn tail.
@Suite struct LogWriterTests {
    private static let segmentBytes = 600

    private static func record(_ number: Int) -> LogRecord {
        LogRecord(
            partition: PartitionID(UInt16(number % 3)),
            epoch: 1,
            index: LogIndex(number / 3 + 1),
            payload: Array("payload \(number)".utf8)
        )
    }

    private static func open(
        _ files: ForgettingFileSystem
    ) throws -> (writer: LogWriter, recovery: LogRecovery, records: [LogRecord]) {
        var records: [LogRecord] = []
        let (writer, recovery) = try LogWriter.open(fileSystem: files, segmentBytes: segmentBytes) { record in
            records.append(record)
        }
        return (writer, recovery, records)
    }

    /// Appends batches until the file system crashes.
    ///
    /// - Returns: the records whose sync returned.
    private static func write(to files: ForgettingFileSystem, from first: Int) -> [LogRecord] {
        var acknowledged: [LogRecord] = []
        guard let (writer, _, _) = try? open(files) else { return [] }
        for batch in 0..<12 {
            let records = (0..<3).map { record(first + 3 * batch + $0) }
            guard (try? writer.append(records)) != nil, (try? writer.sync()) != nil else { break }
            acknowledged.append(contentsOf: records)
            if batch % 4 == 3, (try? writer.noteSync()) == nil { break }
        }
        return acknowledged
    }

    @Test func nothingAcknowledgedIsLostAtAnyCrashPoint() throws {
        let total = ForgettingFileSystem()
        _ = Self.write(to: total, from: 0)
        #expect(total.operations > 30)
        for point in 1...total.operations {
            var random = SeededGenerator(seed: UInt64(point))
            for _ in 0..<5 {
                let files = ForgettingFileSystem(crashAt: point)
                let acknowledged = Self.write(to: files, from: 0)
                let found = try Self.open(files.afterCrash(using: &random)).records
                #expect(Array(found.prefix(acknowledged.count)) == acknowledged, "crash at operation \(point)")
                #expect(found.count <= acknowledged.count + 3)
            }
        }
    }

    @Test func aDeviceThatDoesNotSyncIsNoticed() throws {
        let total = ForgettingFileSystem()
        _ = Self.write(to: total, from: 0)
        var losses = 0
        for point in 10...total.operations {
            var random = SeededGenerator(seed: UInt64(point))
            let files = ForgettingFileSystem(crashAt: point, isLying: true)
            let acknowledged = Self.write(to: files, from: 0)
            let found = (try? Self.open(files.afterCrash(using: &random)).records) ?? []
            if Array(found.prefix(acknowledged.count)) != acknowledged { losses += 1 }
        }
        #expect(losses > 0, "without syncs the test above must fail")
    }

    @Test func crashesDuringRecoveryLoseNothing() throws {
        for point in 1...12 {
            var random = SeededGenerator(seed: UInt64(point))
            let files = ForgettingFileSystem(crashAt: 20)
            let acknowledged = Self.write(to: files, from: 0)
            let again = files.afterCrash(crashAt: point, using: &random)
            _ = try? Self.open(again)
            let found = try Self.open(again.afterCrash(using: &random)).records
            #expect(Array(found.prefix(acknowledged.count)) == acknowledged)
        }
    }

    @Test func everyFlippedBitBelowTheSyncedOffsetIsRefused() throws {
        let files = ForgettingFileSystem()
        _ = Self.write(to: files, from: 0)
        let whole = try Self.open(files.afterProcessDeath()).records
        for name in try files.names().sorted() {
            for offset in stride(from: 0, to: files.size(of: name), by: 3) {
                let copy = files.afterProcessDeath()
                copy.flipBit(of: name, at: offset)
                do {
                    let found = try Self.open(copy)
                    // Only the empty batch at the very end, which says that all before it is synced, may be torn.
                    #expect((found.records == whole) == true, "\(name) at \(offset)")
                    #expect(found.recovery.truncation != nil)
                } catch let error as LogError {
                    guard case .corruption(let segment, _, _, _) = error else {
                        Issue.record("unexpected \(error)")
                        continue
                    }
                    #expect(!segment.isEmpty)
                }
            }
        }
    }

    @Test func corruptionNamesSegmentOffsetAndPartition() throws {
        let files = ForgettingFileSystem()
        let (writer, _, _) = try Self.open(files)
        for number in 0..<4 {
            try writer.append([Self.record(number)])
            try writer.sync()
        }
        // Behind the segment's header (20), the batch's (32) and the record's (26): the first record's payload.
        files.flipBit(of: "00000000000000000000.log", at: 20 + 32 + 26 + 2)
        var random = SeededGenerator(seed: 1)
        let expected = LogError.corruption(
            segment: "00000000000000000000.log",
            offset: 20,
            partition: PartitionID(0),
            what: "a record's checksum does not match"
        )
        #expect(throws: expected) { try Self.open(files.afterCrash(using: &random)) }
    }

    /// A body or a header of a batch in the middle: what is behind it is handed out, and read back, all the same.
    @Test(arguments: [32 + 26 + 2, 5]) func damageIsPassedOverWhereThatIsAskedFor(offset: Int) throws {
        let files = ForgettingFileSystem()
        let (writer, _, _) = try Self.open(files)
        for number in 0..<6 {
            try writer.append([Self.record(number)])
            try writer.sync()
        }
        let batch = (files.size(of: "00000000000000000000.log") - 20) / 6
        files.flipBit(of: "00000000000000000000.log", at: 20 + batch + offset)
        var random = SeededGenerator(seed: 1)
        var left = files.afterCrash(using: &random)
        for more in 0..<2 {
            var records: [LogRecord?] = []
            let (writer, recovery) = try LogWriter.open(
                fileSystem: left,
                segmentBytes: Self.segmentBytes,
                passingOver: { error in
                    #expect(error.isDamage)
                    records.append(nil)
                },
                replaying: { records.append($0) }
            )
            let expected: [LogRecord?] = [Self.record(0), nil] + (2..<(6 + more)).map { Self.record($0) }
            #expect(records == expected && recovery.damages == 1)
            let reader = LogReader(fileSystem: left)
            func read(_ partition: UInt16, from first: LogIndex) throws -> [LogIndex] {
                try reader.entries(
                    of: PartitionID(partition),
                    from: first,
                    in: writer.extents,
                    epoch: { _ in 1 },
                    bytes: 10_000
                ).map(\.index)
            }
            #expect(try read(0, from: 1) == (more == 0 ? [1, 2] : [1, 2, 3]), "over the damage")
            #expect(try read(1, from: 2) == [2])
            #expect(try read(1, from: 1).isEmpty, "nobody knows that it was there")
            try writer.append([Self.record(6 + more)])
            try writer.sync()
            left = left.afterProcessDeath()
        }
        #expect(throws: LogError.self) { try Self.open(left) }
    }

    /// What a failed sync has left can be read by the next process, and a sync of that one writes nothing of it.
    @Test func whatAFailedSyncHasLeftIsWrittenAgain() throws {
        for batches in 0..<9 {
            let files = ForgettingFileSystem()
            let (writer, _, _) = try Self.open(files)
            for number in 0..<batches {
                try writer.append([Self.record(number)])
                try writer.sync()
            }
            try writer.append([Self.record(batches)])
            files.failNextSync()
            #expect(throws: LogError.self) { try writer.sync() }
            let next = files.afterProcessDeath()
            let found = try Self.open(next)
            #expect(found.records == (0...batches).map { Self.record($0) })
            try found.writer.append([Self.record(batches + 1)])
            try found.writer.sync()
            var random = SeededGenerator(seed: UInt64(batches))
            let left = try Self.open(next.afterCrash(using: &random))
            #expect(left.records == (0...batches + 1).map { Self.record($0) })
        }
    }

    @Test func aFailedWriteMakesTheLogReadOnlyForGood() throws {
        let files = ForgettingFileSystem(crashAt: 6)
        let (writer, _, _) = try Self.open(files)
        var failure: LogError?
        for number in 0..<5 {
            do throws(LogError) {
                try writer.append([Self.record(number)])
                try writer.sync()
            } catch {
                failure = error
            }
        }
        guard case .readOnly = failure else {
            Issue.record("expected a read-only log, found \(String(describing: failure))")
            return
        }
    }

    @Test func segmentsGoWhenEveryPartitionIsPersistedBeyondThem() throws {
        let files = ForgettingFileSystem()
        let (writer, _, _) = try Self.open(files)
        for number in 0..<60 {
            try writer.append([Self.record(number)])
            try writer.sync()
        }
        #expect(writer.segmentCount > 3)
        let before = writer.segmentCount
        try writer.removeSegments { $0 == PartitionID(0) ? 3 : 100 }
        #expect(writer.segmentCount <= before)
        try writer.removeSegments { _ in 100 }
        #expect(writer.segmentCount == 1)
        // What is left begins behind the first entry, and still opens.
        var random = SeededGenerator(seed: 2)
        let found = try Self.open(files.afterCrash(using: &random)).records
        #expect(found.last == Self.record(59))
    }
}
