import Foundation
import Store
import TestSupport
import Testing

@Suite struct DatabaseTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A database that joins values by concatenation, and fails where an operand is empty.
    private func open() throws -> Database {
        try Database(path: directory.path + "/db") { existing, operands in
            if operands.contains(where: { $0.count == 1 && $0[0] == 0xff }) { return nil }
            return operands.reduce(existing.map { Array($0) } ?? []) { $0 + Array($1) }
        }
    }

    private func write(_ database: Database, _ body: (WriteBatch) -> Void) throws {
        let batch = WriteBatch()
        body(batch)
        try database.write(batch)
    }

    @Test func putsGetsDeletesAndMerges() throws {
        let database = try open()
        try write(database) { batch in
            batch.put([1], [10])
            batch.put([2], [])
            batch.merge([3], [1])
            batch.merge([3], [2])
        }
        #expect(try database.value(for: [1]) == [10])
        #expect(try database.value(for: [2]) == [])
        #expect(try database.value(for: [3]) == [1, 2])
        #expect(try database.value(for: [4]) == nil)
        try write(database) { $0.delete([1]) }
        #expect(try database.value(for: [1]) == nil)
    }

    /// A filter that is larger than what the cache may keep of one thing would be read for every key.
    @Test func filtersOfManyKeysAreNotReadAgainAndAgain() throws {
        var options = DatabaseOptions()
        options.blockCacheBytes = 4 << 20
        let database = try Database(path: directory.path + "/db", options: options) { _, _ in nil }
        let count = 800_000
        // Files over the same keys are compacted into one: those of the first level have their filters pinned.
        for round in 0..<8 {
            for start in stride(from: 0, to: count, by: 80_000) {
                try write(database) { batch in
                    for number in stride(from: start + round, to: start + 80_000, by: 8) {
                        batch.put(key(2 * number), [])
                    }
                }
            }
            try database.flush()
        }
        // Compactions have the lowest priority, and simulations that run beside this take all processors for minutes.
        let deadline = ContinuousClock.now + .seconds(600)
        while try #require(database.property("rocksdb.num-files-at-level0")) >= 4
            || database.property("rocksdb.num-running-compactions") != 0
        {
            try #require(ContinuousClock.now < deadline, "the files are not compacted")
            usleep(10_000)
        }
        let before = try bytesRead()
        for number in stride(from: 0, to: count, by: count / 1_000) {
            #expect(try database.value(for: key(2 * number + 1)) == nil)
        }
        #expect(try bytesRead() - before < 100 << 20)
    }

    private func key(_ number: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) }
    }

    /// What this process has read from files so far.
    private func bytesRead() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/io", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("rchar: ") }
        return try #require(line.flatMap { Int($0.dropFirst(7)) })
    }

    @Test func onlyWhatIsFlushedSurvives() throws {
        var database: Database? = try open()
        try database.map { try write($0) { $0.put([1], [1]) } }
        try database?.flush()
        try database.map { try write($0) { $0.put([2], [2]) } }
        #expect(try database?.persistedValue(for: [1]) == [1])
        #expect(try database?.persistedValue(for: [2]) == nil)
        #expect(try database?.value(for: [2]) == [2])
        database = nil
        database = try open()
        #expect(try database?.value(for: [1]) == [1])
        #expect(try database?.value(for: [2]) == nil)
    }

    @Test func aFailedMergeIsCorruption() throws {
        let database = try open()
        try write(database) { batch in
            batch.put([1], [1])
            batch.merge([1], [0xff])
        }
        #expect(throws: StoreError.self) { try database.value(for: [1]) }
    }

    @Test func scansStayUnderTheirPrefix() throws {
        let database = try open()
        try write(database) { batch in
            for first in [0x00, 0x7f, 0xff] as [UInt8] {
                for last in 0..<3 as Range<UInt8> {
                    batch.put([first, 0xff, last], [last])
                }
            }
        }
        for first in [0x00, 0x7f, 0xff] as [UInt8] {
            var keys: [[UInt8]] = []
            var iterator = database.scan(prefix: [first, 0xff])
            while let (key, _) = try iterator.next() {
                keys.append(key)
            }
            #expect(keys == (0..<3).map { [first, 0xff, $0] })
            iterator.seek(to: [first, 0xff, 2])
            check(try iterator.next()?.key == [first, 0xff, 2])
            check(try iterator.next() == nil)
        }
    }

    @Test func aDirectoryHasOneOwnerAndAFormat() throws {
        let path = directory.path + "/data/inner"
        var first: DataDirectory? = try DataDirectory(path: path)
        #expect(throws: StoreError.locked(path: path)) { try DataDirectory(path: path) }
        try first?.replaceFile("FORMAT", with: Array("7\n".utf8))
        first = nil
        #expect(throws: StoreError.otherFormat(found: 7, supported: DataDirectory.format)) {
            try DataDirectory(path: path)
        }
    }

    @Test func aDatabaseIsOpenedOnce() throws {
        let database = try open()
        #expect(throws: StoreError.self) { try open() }
        _ = database
    }

    @Test func propertiesAreNumbers() throws {
        let database = try open()
        #expect(database.property("rocksdb.estimate-num-keys") == 0)
        #expect(database.property("rocksdb.no-such") == nil)
    }
}

/// `#expect` for expressions that change what they look at, which the macro cannot capture.
private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
