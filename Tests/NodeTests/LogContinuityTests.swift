import Log
import Model
import Node
import Randomness
import Replication
import Testing

/// Which partitions lack something where a log has damage.
@Suite struct LogContinuityTests {
    private static let (one, two) = (PartitionID(1), PartitionID(2))

    private static func entry(_ partition: PartitionID, _ epoch: UInt64, _ index: LogIndex) -> LogRecord {
        LogRecord(partition: partition, epoch: epoch, index: index, payload: [1])
    }

    /// - Parameter records: nil is damage.
    /// - Returns: which records count, and whether nothing of the first partition is missing.
    private static func read(_ records: [LogRecord?], stored: LogIndex = 0) -> (counted: [Bool], isWhole: Bool) {
        var continuity = LogContinuity()
        var counted: [Bool] = []
        for record in records {
            if let record {
                counted.append(continuity.verdict(on: record, stored: stored) != .torn)
            } else {
                continuity.noteDamage()
            }
        }
        return (counted, continuity.isWhole(one))
    }

    @Test func withoutDamageEverythingCounts() {
        let found = Self.read([Self.entry(Self.one, 1, 7), Self.entry(Self.one, 1, 9), .committed(Self.one, upTo: 9)])
        #expect(found.counted == [true, true, true] && found.isWhole)
    }

    @Test func theNextEntryOfTheSameEpochShowsThatNothingIsMissing() {
        let found = Self.read([
            Self.entry(Self.one, 4, 7), nil, .committed(Self.one, upTo: 7), Self.entry(Self.two, 1, 1),
            Self.entry(Self.one, 4, 8),
            .committed(Self.one, upTo: 8),
        ])
        #expect(found.counted == [true, false, true, true, true] && found.isWhole)
    }

    @Test func anEntryThatIsMissingTakesWhatFollowsWithIt() {
        let found = Self.read([Self.entry(Self.one, 4, 7), nil, Self.entry(Self.one, 4, 9), Self.entry(Self.one, 4, 8)])
        #expect(found.counted == [true, false, false] && !found.isWhole)
    }

    @Test func anotherEpochMayHaveReplacedWhatIsInFrontOfTheDamage() {
        let found = Self.read([
            Self.entry(Self.one, 4, 7), nil, Self.entry(Self.one, 5, 8), .committed(Self.one, upTo: 8),
        ])
        #expect(found.counted == [true, false, false] && !found.isWhole)
    }

    @Test func whatFollowsTheStoreIsWhole() {
        #expect(Self.read([nil, Self.entry(Self.one, 4, 8)], stored: 7).isWhole)
        #expect(Self.read([Self.entry(Self.one, 3, 9), nil, Self.entry(Self.one, 4, 8)], stored: 7).isWhole)
        #expect(!Self.read([nil, Self.entry(Self.one, 4, 9)], stored: 7).isWhole)
    }

    @Test func whatIsSilentSinceTheDamageMayLackSomething() {
        #expect(!Self.read([Self.entry(Self.one, 4, 7), nil]).isWhole)
        #expect(!Self.read([Self.entry(Self.one, 4, 7), nil, Self.entry(Self.one, 4, 8), nil]).isWhole)
        #expect(!Self.read([nil]).isWhole)
    }

    @Test func whatBeginsAnewBehindTheDamageIsWhole() {
        for note in [LogRecord.forgotten(Self.one), .removed(Self.one)] {
            let found = Self.read([
                Self.entry(Self.one, 4, 7), nil, Self.entry(Self.one, 5, 9), note, Self.entry(Self.one, 5, 40),
            ])
            #expect(found.counted == [true, false, true, true] && found.isWhole)
        }
    }

    @Test func whatFollowsTheStoreAndNotTheLogBeginsAnew() {
        var continuity = LogContinuity()
        for index: LogIndex in 6...20 {
            #expect(continuity.verdict(on: Self.entry(Self.one, 4, index), stored: 12) == .next)
        }
        // Entries 6 to 12 of epoch 5 were here.
        continuity.noteDamage()
        #expect(continuity.verdict(on: Self.entry(Self.one, 5, 13), stored: 12) == .beginning)
        #expect(continuity.verdict(on: Self.entry(Self.one, 5, 14), stored: 12) == .next)
    }

    /// A log as primaries write it, with any parts of it damaged: what counts must lead to what the whole log leads to, or the
    /// partition is said to lack something.
    @Test(arguments: 0..<400 as Range<UInt64>) func noPartitionIsTakenForWholeThatIsNot(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var records: [LogRecord] = []
        var (epoch, last, committed): (UInt64, LogIndex, LogIndex) = (1, 0, 0)
        for _ in 0..<Int.random(in: 5...40, using: &random) {
            switch Int.random(in: 0..<30, using: &random) {
            case 0..<5:
                // Another primary, which may lack what was not committed.
                epoch += 1
                last = LogIndex.random(in: committed...last, using: &random)
            case 5:
                // A snapshot.
                epoch += 1
                last += LogIndex.random(in: 0...4, using: &random)
                committed = last
                records.append(.forgotten(Self.one))
            default: break
            }
            last += 1
            records.append(Self.entry(Self.one, epoch, last))
            if Int.random(in: 0..<3, using: &random) == 0 {
                committed = LogIndex.random(in: committed...last, using: &random)
                records.append(.committed(Self.one, upTo: committed))
            }
        }
        let stored = LogIndex.random(in: 0...committed, using: &random)
        let damaged = (0..<Int.random(in: 1...2, using: &random)).map { _ in
            let start = Int.random(in: 0..<records.count, using: &random)
            return start...min(records.count - 1, start + Int.random(in: 0...6, using: &random))
        }
        var continuity = LogContinuity()
        var (log, whole) = (RecoveredLog(), RecoveredLog())
        for (position, record) in records.enumerated() {
            try whole.take(record, applied: stored) { _ in }
            if damaged.contains(where: { $0.contains(position) }) {
                continuity.noteDamage()
                continue
            }
            switch continuity.verdict(on: record, stored: stored) {
            case .next: break
            case .beginning: log = RecoveredLog()
            case .torn: continue
            }
            try log.take(record, applied: stored) { _ in }
        }
        guard continuity.isWhole(Self.one), let known = log.epochs, let all = whole.epochs else { return }
        #expect(known.last == all.last, "seed \(seed)")
        for index in 1...max(1, all.last) {
            guard let epoch = known.epoch(at: index), all.epoch(at: index) != nil else { continue }
            #expect(epoch == all.epoch(at: index), "seed \(seed), entry \(index)")
        }
        let waiting = log.uncommitted.filter { $0.index > stored }
        #expect(waiting.allSatisfy { $0.epoch == all.epoch(at: $0.index) }, "seed \(seed)")
    }
}
