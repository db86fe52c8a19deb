import Model
import Partitions
import Store
import TestSupport
import Testing

@Suite struct StoreCheckTests {
    private static let layout = PartitionLayout(count: 2)

    private func problems(_ records: [(key: [UInt8], value: [UInt8])]) throws -> [String] {
        let directory = try TemporaryDirectory()
        let database = try Database(path: directory.fresh("store")) { _, _ in nil }
        let batch = WriteBatch()
        for record in records {
            batch.put(record.key, record.value)
        }
        try database.write(batch)
        var problems: [String] = []
        let layout = try #require(Self.layout)
        _ = try StoreCheck.run(database, layout: layout) { problems.append($0) }
        return problems
    }

    private func user(_ id: UInt8, in partition: UInt8 = 0) -> [UInt8] { [0, partition, 2, 0, 0, 0, 0, 0, 0, 0, id] }

    @Test func aRecordThatCannotBeUnderstoodIsNamed() throws {
        let found = try problems([(user(7), [0xff, 1, 2])])
        #expect(found.count == 1 && found[0].hasPrefix("partition 0, user 0000020000000000000007: "))
    }

    @Test func whatBelongsNowhereIsNamed() throws {
        #expect(
            try problems([(user(7, in: 2), [])]) == ["key 0002020000000000000007 is of partition 2, and there are 2"]
        )
        #expect(try problems([([0, 1, 99], [])]) == ["key 000163 is of no kind"])
        #expect(try problems([(user(7) + [8, 1], [])]).first?.contains("no key of this family has kind 8") == true)
    }

    @Test func aKeyThatHasNoValueHasNone() throws {
        #expect(try problems([(user(7) + [12] + [UInt8](repeating: 1, count: 8), [])]).isEmpty)
        let found = try problems([(user(7) + [12] + [UInt8](repeating: 1, count: 8), [1, 2])])
        #expect(found.first?.contains("2 bytes where there are none") == true, "\(found)")
    }
}
