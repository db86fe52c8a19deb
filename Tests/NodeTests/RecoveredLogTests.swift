import Log
import Model
import Node
import Partitions
import Randomness
import Replication
import Testing

/// What a node makes of a partition's records when it opens its log.
@Suite struct RecoveredLogTests {
    private static let partition = PartitionID(3)

    private static func entry(_ epoch: UInt64, _ index: LogIndex) -> LogRecord {
        LogRecord(partition: partition, epoch: epoch, index: index, payload: [UInt8(epoch), UInt8(index)])
    }

    /// - Returns: what was applied, and what is left.
    private static func read(
        _ records: [LogRecord],
        applied: LogIndex = 0,
        epoch: UInt64 = 0
    ) throws -> (applied: [ReplicatedEntry], log: RecoveredLog) {
        var found: [ReplicatedEntry] = []
        var log = RecoveredLog()
        var last = applied
        for record in records {
            try log.take(record, applied: last) { entry in
                found.append(entry)
                last = max(last, entry.index)
            }
        }
        try log.finish(applied: last, epoch: last > applied ? found.last?.epoch ?? epoch : epoch)
        return (found, log)
    }

    @Test func whatIsNotNotedAsCommittedIsKept() throws {
        let (applied, log) = try Self.read([
            Self.entry(1, 1), Self.entry(1, 2), .committed(Self.partition, upTo: 1), Self.entry(2, 3),
        ])
        #expect(applied.map(\.index) == [1])
        #expect(log.uncommitted.map(\.index) == [2, 3])
        #expect(log.epochs?.last == 3 && log.epochs?.epoch(at: 2) == 1 && log.epochs?.epoch(at: 3) == 2)
    }

    @Test func laterEntriesTakeThePlaceOfEarlierOnes() throws {
        let (applied, log) = try Self.read([
            Self.entry(1, 1), Self.entry(1, 2), Self.entry(1, 3), Self.entry(2, 2),
            .committed(Self.partition, upTo: 2),
        ])
        #expect(applied.map(\.epoch) == [1, 2])
        #expect(log.uncommitted.isEmpty && log.epochs?.last == 2)
    }

    @Test func whatWasForgottenDoesNotComeBack() throws {
        let (applied, log) = try Self.read(
            [Self.entry(1, 1), Self.entry(1, 2), .forgotten(Self.partition), Self.entry(5, 41)],
            applied: 40,
            epoch: 4
        )
        #expect(applied.filter { $0.index > 40 }.isEmpty)
        #expect(log.uncommitted.map(\.index) == [41])
        #expect(log.epochs?.epoch(at: 40) == 4 && log.epochs?.epoch(at: 41) == 5)
    }

    @Test func whatWasRemovedDoesNotComeBackAndMayBeginAnew() throws {
        let (_, log) = try Self.read(
            [Self.entry(1, 7), Self.entry(1, 8), .removed(Self.partition), Self.entry(5, 1), Self.entry(5, 2)],
            applied: 0,
            epoch: 0
        )
        #expect(log.uncommitted.map(\.index) == [1, 2])
        #expect(log.epochs?.epoch(at: 2) == 5)
    }

    @Test func aSecondLifeMayGoOnWhereTheFirstWas() throws {
        let records = [
            Self.entry(1, 1), Self.entry(1, 2), Self.entry(1, 3), .committed(Self.partition, upTo: 3),
            .removed(Self.partition), Self.entry(1, 1), Self.entry(2, 4),
        ]
        let (_, log) = try Self.read(records, applied: 3, epoch: 1)
        #expect(log.uncommitted.map(\.index) == [4])
        #expect(log.epochs?.last == 4 && log.epochs?.epoch(at: 4) == 2)
        #expect(throws: PartitionFailure.self) {
            try Self.read([Self.entry(1, 1), Self.entry(2, 4)], applied: 1, epoch: 1)
        }
    }

    @Test func theStoreMayBeFurtherThanAReplacedEntry() throws {
        // Entry 2 of epoch 1 was never committed; the store has entry 2 of epoch 2.
        let (_, log) = try Self.read(
            [Self.entry(1, 1), Self.entry(1, 2), Self.entry(2, 2), Self.entry(2, 3)],
            applied: 2,
            epoch: 2
        )
        #expect(log.uncommitted.map(\.index) == [3] && log.epochs?.epoch(at: 2) == 2)
    }

    @Test func gapsAndReplacedCommittedEntriesAreRefused() {
        #expect(throws: PartitionFailure.self) { try Self.read([Self.entry(1, 1), Self.entry(1, 3)]) }
        #expect(throws: PartitionFailure.self) { try Self.read([Self.entry(1, 5)], applied: 3) }
        #expect(throws: PartitionFailure.self) {
            try Self.read([
                Self.entry(1, 1), Self.entry(1, 2), .committed(Self.partition, upTo: 2), Self.entry(2, 2),
            ])
        }
        #expect(throws: PartitionFailure.self) {
            try Self.read([LogRecord(partition: Self.partition, epoch: 0, index: 1, payload: [99])])
        }
    }

    /// Against a model: a list that is cut and extended.
    @Test func anyHistoryOfOnePartitionIsFoundAgain() throws {
        let seed = UInt64.random(in: 0...UInt64(UInt32.max))
        for round in 0..<200 {
            var random = SeededGenerator(seed: seed + UInt64(round))
            var records: [LogRecord] = []
            var model: [LogRecord] = []
            var committed = 0
            var epoch: UInt64 = 1
            for _ in 0..<60 {
                switch Int.random(in: 0..<4, using: &random) {
                case 0 where model.count > committed:
                    epoch += 1
                    model.removeLast(Int.random(in: 1...(model.count - committed), using: &random))
                    fallthrough
                case 1, 2:
                    let record = Self.entry(epoch, LogIndex(model.count + 1))
                    model.append(record)
                    records.append(record)
                default:
                    committed = Int.random(in: committed...model.count, using: &random)
                    records.append(.committed(Self.partition, upTo: LogIndex(committed)))
                }
            }
            let (applied, log) = try Self.read(records)
            let all = applied + log.uncommitted
            #expect(all.map(\.index) == model.map(\.index) && all.map(\.epoch) == model.map(\.epoch), "seed \(seed)")
            #expect(applied.count == committed, "seed \(seed)")
        }
    }

    @Test func whatIsForgottenIsNotCommittedEither() throws {
        let (_, log) = try Self.read([
            Self.entry(1, 1), .committed(Self.partition, upTo: 1), .forgotten(Self.partition), Self.entry(4, 2),
            Self.entry(4, 3), Self.entry(5, 2),
        ])
        #expect(log.uncommitted.map(\.epoch) == [5] && log.epochs?.last == 2)
    }
}
