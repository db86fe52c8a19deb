import Model
import Replication
import Testing

@Suite struct ReplicaLogTests {
    private static func entry(_ epoch: UInt64, _ index: LogIndex) -> ReplicatedEntry {
        ReplicatedEntry(epoch: epoch, index: index, payload: [UInt8(index)])
    }

    @Test func theTableKnowsEveryEntrysEpoch() {
        var table = EpochTable()
        for epoch: UInt64 in [1, 1, 1, 4, 4, 7] {
            table.append(epoch: epoch)
        }
        #expect((0...7).map { table.epoch(at: $0) } == [0, 1, 1, 1, 4, 4, 7, nil])
        #expect(table.indexBeforeEpoch(at: 5) == 3 && table.indexBeforeEpoch(at: 2) == 0)
        table.truncate(after: 4)
        #expect(table.last == 4 && table.lastEpoch == 4 && table.epoch(at: 5) == nil)
        table.truncate(after: 3)
        #expect(table.lastEpoch == 1)
    }

    @Test func theOldestOfVeryManyEpochsAreForgotten() {
        var table = EpochTable()
        for epoch: UInt64 in 1...5_000 {
            table.append(epoch: epoch)
        }
        #expect(table.epoch(at: 5_000 - 4_096) == nil)
        #expect(table.epoch(at: 5_000 - 4_095) == 905 && table.lastEpoch == 5_000)
        table.append(epoch: 5_000)
        #expect(table.epoch(at: 905) == 905 && table.last == 5_001)
    }

    @Test func aTableThatBeginsLaterSaysWhatItDoesNotKnow() {
        var table = EpochTable(startingBehind: 10, epoch: 3)
        table.append(epoch: 3)
        table.append(epoch: 5)
        #expect((9...13).map { table.epoch(at: $0) } == [nil, 3, 3, 5, nil])
    }

    @Test func whatWasReplacedIsNotDurableByAnOldTicket() {
        var log = ReplicaLog(epochs: EpochTable(), largestRecentBytes: 100)
        let first = log.append((1...5).map { Self.entry(1, $0) })
        log.truncate(after: 2)
        let second = log.append([Self.entry(2, 3)])
        log.persisted(first)
        #expect(log.durable == 2)
        log.persisted(second)
        #expect(log.durable == 3 && log.last == 3)
    }

    @Test func ticketsOfBeforeASnapshotMakeNothingDurable() {
        var log = ReplicaLog(epochs: EpochTable(), largestRecentBytes: 1_000)
        let old = log.append((1...5).map { Self.entry(1, $0) })
        log.restart(behind: 20, epoch: 3)
        let new = log.append([Self.entry(3, 21)])
        log.persisted(old)
        #expect(log.durable == 20)
        log.persisted(new)
        #expect(log.durable == 21)
    }

    @Test func memoryKeepsTheEnd() {
        var log = ReplicaLog(epochs: EpochTable(), largestRecentBytes: 3 * 57)
        _ = log.append((1...10).map { Self.entry(1, $0) })
        #expect(log.entries(from: 7, limit: 10) == nil)
        #expect(log.entries(from: 8, limit: 2)?.map(\.index) == [8, 9])
        #expect(log.entries(from: 11, limit: 10)?.isEmpty == true)
    }
}
