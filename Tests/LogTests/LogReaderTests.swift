import Log
import Model
import Randomness
import TestSupport
import Testing

/// Reading entries back while the log is written.
@Suite struct LogReaderTests {
    private static let partition = PartitionID(1)

    private static func entry(_ epoch: UInt64, _ index: LogIndex, of partition: PartitionID = partition) -> LogRecord {
        LogRecord(
            partition: partition,
            epoch: epoch,
            index: index,
            payload: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 40)
        )
    }

    @Test func everythingIsFoundInPagesOverSegments() throws {
        let files = ForgettingFileSystem()
        let (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: 2_000) { _ in }
        for number in 1...200 {
            let index = LogIndex(number)
            try writer.append([
                Self.entry(3, index), .committed(Self.partition, upTo: index),
                Self.entry(7, index, of: PartitionID(2)),
            ])
        }
        let reader = LogReader(fileSystem: files)
        for first in [1, 50, 199, 200] {
            var found: [LogRecord] = []
            while true {
                let page = try reader.entries(
                    of: Self.partition,
                    from: LogIndex(first + found.count),
                    in: writer.extents,
                    epoch: { $0 <= 200 ? 3 : nil },
                    bytes: 300
                )
                if page.isEmpty { break }
                #expect(page.count <= 7)
                found += page
            }
            #expect(found == (first...200).map { Self.entry(3, LogIndex($0)) })
        }
    }

    @Test func replacedEntriesAreNotFound() throws {
        let files = ForgettingFileSystem()
        let (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: 2_000) { _ in }
        try writer.append([Self.entry(1, 1), Self.entry(1, 2), Self.entry(1, 3)])
        try writer.append([Self.entry(2, 2)])
        let found = try LogReader(fileSystem: files).entries(
            of: Self.partition,
            from: 1,
            in: writer.extents,
            epoch: { [1: 1, 2: 2][$0] },
            bytes: 10_000
        )
        #expect(found.map(\.epoch) == [1, 2])
    }

    /// Whatever is replaced and forgotten in between, and wherever a reader begins: the same as in a model that is a list.
    @Test(arguments: [500, 20_000, 1 << 20], UInt64(1)...8)
    func whatCountsIsFoundFromEveryIndex(segmentBytes: Int, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let files = ForgettingFileSystem()
        var (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: segmentBytes) { _ in }
        var kept: [PartitionID: [LogRecord]] = [:]
        for epoch in UInt64(1)...60 {
            let partition = PartitionID(UInt16.random(in: 0..<3, using: &random))
            var entries = kept[partition] ?? []
            entries.removeLast(min(entries.count, Int.random(in: 0..<8, using: &random)))
            if Int.random(in: 0..<15, using: &random) == 0 {
                try writer.append([Bool.random(using: &random) ? .forgotten(partition) : .removed(partition)])
                entries = []
            }
            // One at a time, or in batches with other partitions' entries.
            var batch: [LogRecord] = []
            for _ in 0..<Int.random(in: 1..<20, using: &random) {
                entries.append(Self.entry(epoch, LogIndex(entries.count + 1), of: partition))
                let other = PartitionID(UInt16(Int.random(in: 3..<6, using: &random)))
                kept[other, default: []].append(Self.entry(1, LogIndex((kept[other]?.count ?? 0) + 1), of: other))
                batch += [entries[entries.count - 1], .committed(partition, upTo: 0), kept[other]?.last].compactMap(
                    \.self
                )
                guard Bool.random(using: &random) else { continue }
                try writer.append(batch)
                batch = []
            }
            try writer.append(batch)
            kept[partition] = entries
            if Int.random(in: 0..<10, using: &random) == 0 {
                try writer.sync()
                (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: segmentBytes) { _ in }
            }
        }
        let reader = LogReader(fileSystem: files)
        for (partition, entries) in kept {
            for first in entries.indices {
                let found = try reader.entries(
                    of: partition,
                    from: LogIndex(first + 1),
                    in: writer.extents,
                    epoch: { $0 <= entries.count ? entries[Int($0) - 1].epoch : nil },
                    bytes: 1 << 20
                )
                #expect(found == Array(entries[first...]))
            }
        }
    }

    /// A primary that has just started reads the last entries of all its partitions back at once.
    @Test func littleIsReadInFrontOfWhatIsLookedFor() throws {
        let files = ForgettingFileSystem()
        let segmentBytes = 1 << 20
        let (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: segmentBytes) { _ in }
        for number in 1...5_000 {
            try writer.append([Self.entry(1, LogIndex(number))])
        }
        try writer.append([Self.entry(1, 1, of: PartitionID(2))])
        #expect(writer.segmentCount == 1)
        let size = files.bytesRead
        for (partition, index) in [(Self.partition, LogIndex(4_990)), (PartitionID(2), 1)] {
            let found = try LogReader(fileSystem: files).entries(
                of: partition,
                from: index,
                in: writer.extents,
                epoch: { _ in 1 },
                bytes: 1 << 20
            )
            #expect(found.last?.partition == partition && found.first?.index == index)
        }
        #expect(files.bytesRead - size < segmentBytes / 100)
    }

    @Test func whatIsGoneIsNotFound() throws {
        let files = ForgettingFileSystem()
        let (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: 500) { _ in }
        for number in 1...50 {
            try writer.append([Self.entry(1, LogIndex(number))])
        }
        try writer.removeSegments { _ in 40 }
        let reader = LogReader(fileSystem: files)
        #expect(
            try reader.entries(of: Self.partition, from: 1, in: writer.extents, epoch: { _ in 1 }, bytes: 1_000)
                .isEmpty
        )
        #expect(
            try reader.entries(of: Self.partition, from: 45, in: writer.extents, epoch: { _ in 1 }, bytes: 1_000)
                .count == 6
        )
    }

    @Test func whatIsAroundDamageIsFoundAndDamageIsNamed() throws {
        let files = ForgettingFileSystem()
        let (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: 1 << 20) { _ in }
        var ends: [UInt64] = []
        for number in 1...10 {
            try writer.append([Self.entry(1, LogIndex(number))])
            ends.append(writer.size)
        }
        try writer.sync()
        // The last bytes of entry 6.
        files.flipBit(of: "00000000000000000000.log", at: Int(ends[5]) - 2)
        let reader = LogReader(fileSystem: files)
        func read(from first: LogIndex) throws -> [LogIndex] {
            try reader.entries(of: Self.partition, from: first, in: writer.extents, epoch: { _ in 1 }, bytes: 1 << 20)
                .map(\.index)
        }
        #expect(try read(from: 1) == [1, 2, 3, 4, 5])
        for _ in 0..<2 {
            let error = #expect(throws: LogError.self) { try read(from: 6) }
            #expect(error?.isDamage == true)
            #expect(try read(from: 8) == [8, 9, 10])
        }
    }

    @Test func whatIsReplacedOrForgottenKeepsNoSegment() throws {
        let files = ForgettingFileSystem()
        let (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: 300) { _ in }
        // Entries 3 to 20 are never committed, and another primary's take their place.
        for number in 1...20 {
            try writer.append([Self.entry(1, LogIndex(number))])
        }
        try writer.append([Self.entry(2, 3)])
        let before = writer.segmentCount
        try writer.removeSegments { _ in 3 }
        #expect(writer.segmentCount == 1 && before > 5)
        for number in 4...20 {
            try writer.append([Self.entry(2, LogIndex(number))])
        }
        try writer.append([.forgotten(Self.partition)])
        #expect(writer.segmentCount > 3)
        // The same is found after a start.
        try writer.sync()
        let (again, _) = try LogWriter.open(fileSystem: files, segmentBytes: 300) { _ in }
        try again.removeSegments { _ in 0 }
        #expect(again.segmentCount == 1)
    }
}
