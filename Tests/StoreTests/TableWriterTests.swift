import Store
import TestSupport
import Testing

@Suite struct TableWriterTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func open() throws -> Database {
        try Database(path: directory.path + "/db") { existing, operands in
            operands.reduce(existing.map { Array($0) } ?? []) { $0 + Array($1) }
        }
    }

    private func write(_ database: Database, _ body: (WriteBatch) -> Void) throws {
        let batch = WriteBatch()
        body(batch)
        try database.write(batch)
    }

    @Test func tablesTakeThePlaceOfWhatWasUnderAPrefix() throws {
        let tables = TableWriter(directory: directory.path, name: "test", largestFile: 2_000)
        do {
            let database = try open()
            try write(database) { batch in
                for number in 0..<100 {
                    batch.put([1, UInt8(number)], [1])
                    batch.merge([2, UInt8(number)], [1])
                    batch.put([3, UInt8(number)], [1])
                }
            }
            for number in 50..<200 {
                try tables.put(
                    [2, UInt8(number)],
                    (0..<100).map { UInt8(truncatingIfNeeded: $0 * 37 + number * number) }
                )
            }
            try tables.finish()
            #expect(tables.paths.count > 1)
            try database.replace(prefix: [2], withTables: tables.paths)
            try write(database) { $0.merge([2, 60], [9]) }
            #expect(try database.value(for: [2, 60])?.count == 101)
        }
        // What is not flushed is gone; the tables are not.
        let database = try open()
        #expect(try database.value(for: [1, 7]) == [1])
        #expect(try database.value(for: [2, 49]) == nil)
        #expect(try database.value(for: [2, 199])?.count == 100)
        #expect(try database.value(for: [2, 60])?.count == 100)
        #expect(try database.value(for: [3, 7]) == [1])
        var iterator = database.scan(prefix: [2])
        var count = 0
        while try iterator.next() != nil { count += 1 }
        #expect(count == 150)
    }

    @Test func whatIsRemovedGivesItsSpaceBackAndLeavesItsNeighbours() throws {
        let database = try open()
        var random = SystemRandomNumberGenerator()
        for number in 0..<200 {
            let value = (0..<1_000).map { _ in UInt8.random(in: 0...255, using: &random) }
            try write(database) { batch in
                batch.put([1, UInt8(number)], [1])
                batch.put([2, UInt8(number)], value)
                batch.put([3, UInt8(number)], [3])
            }
        }
        try database.flush()
        #expect(try #require(database.property("rocksdb.total-sst-files-size")) > 200_000)
        try database.replace(prefix: [2], withTables: [])
        database.compact(prefix: [2])
        #expect(try #require(database.property("rocksdb.total-sst-files-size")) < 20_000)
        var left = database.scan(prefix: [2])
        #expect(try left.next() == nil)
        #expect(try database.value(for: [1, 199]) == [1] && database.value(for: [3, 0]) == [3])
    }
}
