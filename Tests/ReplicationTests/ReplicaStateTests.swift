import Model
import Placement
import Replication
import Testing

/// One replica's answers to single events. What clusters come to is `SimulationTests`'.
@Suite struct ReplicaStateTests {
    private static let (primary, second, third, learner) = (NodeID(1), NodeID(2), NodeID(3), NodeID(4))
    private static let partition = PartitionID(0)
    private static let now: MonotonicTime = 10_000_000

    private static func configuration(_ epoch: UInt64, _ nodes: NodeID...) -> PartitionMap.Configuration {
        PartitionMap.Configuration(epoch: epoch, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
    }

    private let leases = LeaseTable(times: .standard, run: 1, now: 0)
    private var replica = ReplicaState(
        node: primary,
        partition: partition,
        settings: ReplicationSettings(replicationFactor: 3),
        log: EpochTable(),
        committed: 0
    )

    private mutating func tell(_ event: ReplicaState.Event, at now: MonotonicTime = now) -> [ReplicaState.Effect] {
        replica.handle(event, now: now, leases: leases)
    }

    private mutating func hear(_ message: ReplicaMessage, from node: NodeID) -> [ReplicaState.Effect] {
        tell(.received(message, from: node))
    }

    /// Makes the replica the primary of epoch 2, with all members holding its first entry.
    private mutating func lead() {
        _ = tell(.configured(Self.configuration(1, Self.primary, Self.second, Self.third)))
        _ = tell(.configured(Self.configuration(2, Self.primary, Self.second, Self.third)))
        _ = tell(.persisted(1))
        for node in [Self.second, Self.third] {
            _ = hear(.acknowledge(.init(epoch: 2, durable: 1)), from: node)
        }
    }

    @Test func aStartedPrimaryAsksForAnEpochOfItsOwnFirst() {
        var test = self
        let old = Self.configuration(1, Self.primary, Self.second, Self.third)
        var effects = test.tell(.configured(old))
        #expect(effects == [.learn(old)])
        effects = test.tell(.tick)
        let next = Self.configuration(2, Self.primary, Self.second, Self.third)
        #expect(effects == [.propose(next, .renewal)])
        effects = test.tell(.configured(next))
        let beginning = ReplicatedEntry(epoch: 2, index: 1, payload: [])
        #expect(effects.contains(.persist([beginning], after: 0, ticket: 1)))
        #expect(test.replica.isPrimary && test.replica.beginning == 1)
    }

    @Test func anEntryIsCommittedWhenEveryMemberHasIt() {
        var test = self
        test.lead()
        #expect(test.replica.committed == 1)
        _ = test.tell(.submitted([[7]]))
        _ = test.hear(.acknowledge(.init(epoch: 2, durable: 2)), from: Self.second)
        _ = test.hear(.acknowledge(.init(epoch: 2, durable: 2)), from: Self.third)
        #expect(test.replica.committed == 1, "it is not durable here")
        let effects = test.tell(.persisted(2))
        #expect(effects == [.commit(upTo: 2)])
    }

    /// That its disk is slow shows where others have what it has not; not where nobody has.
    @Test func aLogIsBehindOnlyWhereEnoughOthersAreAhead() {
        var test = self
        test.lead()
        _ = test.tell(.submitted([[7]]))
        _ = test.tell(.tick)
        for node in [Self.second, Self.third] {
            _ = test.hear(.acknowledge(.init(epoch: 2, durable: 2)), from: node)
        }
        #expect(!test.replica.isLogBehindOthers, "it may have been durable before all disks hung")
        let later = Self.now + ReplicationTimes.standard.acknowledgement
        let probe = ReplicatedEntry(epoch: 2, index: 3, payload: [])
        var effects = test.tell(.tick, at: later)
        #expect(effects.contains(.persist([probe], after: 2, ticket: 3)))
        effects = test.tell(.tick, at: later + 100)
        #expect(!effects.contains { if case .persist = $0 { true } else { false } }, "one is enough")
        _ = test.hear(.acknowledge(.init(epoch: 2, durable: 3)), from: Self.second)
        #expect(!test.replica.isLogBehindOthers, "one alone could not go on")
        _ = test.hear(.acknowledge(.init(epoch: 2, durable: 3)), from: Self.third)
        #expect(test.replica.isLogBehindOthers)
        _ = test.tell(.persisted(2))
        _ = test.tell(.tick, at: later + 200)
        #expect(!test.replica.isLogBehindOthers)
    }

    /// What a move leaves behind that nobody ended.
    @Test func aReplicaTooManyIsLeftOutAfterAWhile() {
        var test = leading { $0.patienceWithSurplus = 500_000 }
        _ = test.tell(.configured(Self.configuration(3, Self.primary, Self.second, Self.third, Self.learner)))
        var effects = test.tell(.tick, at: Self.now + 400_000)
        #expect(!effects.contains { if case .propose = $0 { true } else { false } })
        effects = test.tell(.tick, at: Self.now + 500_000)
        let next = Self.configuration(4, Self.primary, Self.second, Self.third)
        #expect(effects.contains(.propose(next, .removal)))
        _ = test.tell(.configured(next), at: Self.now + 500_000)
        effects = test.tell(.tick, at: Self.now + 1_100_000)
        #expect(!effects.contains(.propose(Self.configuration(5, Self.primary, Self.second), .removal)))
    }

    @Test func acknowledgementsOfAnEarlierEpochCountForNothing() {
        var test = self
        test.lead()
        _ = test.tell(.submitted([[7]]))
        _ = test.tell(.persisted(2))
        for node in [Self.second, Self.third] {
            _ = test.hear(.acknowledge(.init(epoch: 1, durable: 2)), from: node)
        }
        #expect(test.replica.committed == 1)
    }

    @Test func aMembersMismatchNeverLeadsBehindWhatIsCommitted() {
        var test = self
        // It has just started: its log begins behind what is committed, and nobody is known to hold anything.
        test.replica = ReplicaState(
            node: Self.primary,
            partition: Self.partition,
            settings: ReplicationSettings(replicationFactor: 3),
            log: EpochTable(startingBehind: 5, epoch: 1),
            committed: 5
        )
        _ = test.tell(.configured(Self.configuration(1, Self.primary, Self.second, Self.third)))
        _ = test.tell(.configured(Self.configuration(2, Self.primary, Self.second, Self.third)))
        #expect(test.hear(.mismatch(.init(epoch: 2, last: 3)), from: Self.second).isEmpty, "not again and again")
        let effects = test.tell(.tick, at: Self.now + ReplicationTimes.standard.retry)
        let previous = effects.compactMap { effect -> LogIndex? in
            guard case .send(.append(let append), to: Self.second) = effect else { return nil }
            return append.previousIndex
        }
        #expect(previous == [5], "\(effects)")

        #expect(test.replica.isAwaited(6, by: Self.second, epoch: 2))
        #expect(!test.replica.isAwaited(5, by: Self.second, epoch: 2), "it is committed")
        #expect(!test.replica.isAwaited(6, by: Self.second, epoch: 1), "that epoch is over")
        #expect(!test.replica.isAwaited(6, by: Self.learner, epoch: 2), "a learner takes a snapshot")
        _ = test.hear(.acknowledge(.init(epoch: 2, durable: 6)), from: Self.second)
        #expect(!test.replica.isAwaited(6, by: Self.second, epoch: 2), "it has it")
    }

    @Test func whatNobodyCanHoldIsNoAcknowledgement() {
        var test = self
        test.lead()
        let effects = test.hear(.acknowledge(.init(epoch: 2, durable: 1 << 61)), from: Self.second)
        #expect(effects.isEmpty && test.replica.failure == nil && test.replica.committed == 1)
    }

    @Test func onlyAConfigurationsPrimarySpeaksForIt() {
        var test = self
        test.lead()
        let forged = ReplicaMessage.Append(
            configuration: Self.configuration(1 << 40, Self.third, Self.primary),
            previousIndex: 0,
            previousEpoch: 0,
            committed: 0,
            entries: []
        )
        #expect(test.hear(.append(forged), from: Self.second).isEmpty)
        #expect(test.replica.configuration.epoch == 2)
    }

    @Test func numbersThatCountingOnWouldOverflowAreRefused() {
        for message in [
            ReplicaMessage.resigned(epoch: .max), .stale(epoch: 1 << 62), .mismatch(.init(epoch: 1, last: .max)),
        ] {
            #expect(throws: BinaryDecodingError.self) { try ReplicaMessage(decoding: message.encoded()) }
        }
    }

    @Test func whatWasReadInAnEarlierEpochIsNotSent() {
        var test = self
        test.lead()
        let entry = ReplicatedEntry(epoch: 1, index: 2, payload: [9])
        let effects = test.tell(.read([entry], previousEpoch: 2, for: Self.second, epoch: 1))
        #expect(effects.isEmpty)
    }

    @Test func aMembersLogIsNotReplacedByASnapshot() {
        var test = self
        _ = test.tell(.configured(Self.configuration(3, Self.second, Self.primary)))
        #expect(test.tell(.installed(index: 50, epoch: 3)).isEmpty)
        #expect(test.replica.lastIndex == 0)
    }

    @Test func aLearnerThatAcknowledgesNothingHoldsNothingUp() {
        var test = self
        test.lead()
        _ = test.tell(.learners([Self.learner]))
        var now = Self.now
        var longest: MonotonicTime = 0
        var lastCommit = now
        for number in 0..<200 {
            now += 50_000
            let ticket = UInt64(number) + 2
            _ = test.tell(.submitted([[UInt8(number % 256)]]), at: now)
            _ = test.tell(.persisted(ticket), at: now)
            for node in [Self.second, Self.third] {
                _ = test.tell(.received(.acknowledge(.init(epoch: 2, durable: ticket)), from: node), at: now)
            }
            // It is there, and its disk is not.
            _ = test.tell(.received(.acknowledge(.init(epoch: 2, durable: 1)), from: Self.learner), at: now)
            _ = test.tell(.tick, at: now)
            guard test.replica.committed == ticket else { continue }
            longest = max(longest, now - lastCommit)
            lastCommit = now
        }
        #expect(now - lastCommit < 100_000)
        #expect(longest <= 2 * ReplicationTimes.standard.acknowledgement)
    }

    @Test func aSecondaryThatLeavesIsLeftOutAtOnceAndNotForEver() {
        var test = self
        test.lead()
        _ = test.hear(.leaving(epoch: 1), from: Self.third)
        var effects = test.tell(.tick)
        #expect(!effects.contains { if case .propose = $0 { true } else { false } }, "it left another epoch")
        _ = test.hear(.leaving(epoch: 2), from: Self.third)
        effects = test.tell(.tick)
        #expect(effects.contains(.propose(Self.configuration(3, Self.primary, Self.second), .removal)))
    }

    /// The leases of all members, for the primary of the second epoch.
    private func grantedLeases(at start: MonotonicTime = now) -> LeaseTable {
        var table = LeaseTable(times: .standard, run: 1, now: 0)
        let wanted = [Self.partition: UInt64(2)]
        for node in [Self.second, Self.third] {
            var granting = LeaseTable(times: .standard, run: 9, now: 0)
            granting.learn(Self.configuration(2, Self.primary, Self.second, Self.third), of: Self.partition)
            table.want(wanted, from: node, now: start)
            for now in [start, start + 1] {
                let beacon = table.beacon(to: node, now: now)
                guard let reply = granting.receive(beacon, from: Self.primary, now: now) else { continue }
                table.receive(reply, from: node, now: now)
            }
        }
        return table
    }

    /// The primary of epoch 2, with settings of its own.
    private func leading(_ change: (inout ReplicationSettings) -> Void) -> Self {
        var settings = ReplicationSettings(replicationFactor: 3)
        change(&settings)
        var test = self
        test.replica = ReplicaState(
            node: Self.primary,
            partition: Self.partition,
            settings: settings,
            log: EpochTable(),
            committed: 0
        )
        test.lead()
        return test
    }

    @Test func aPrimaryHandsItsPlaceOnlyToWhoCanServeSoon() {
        var test = leading { $0.largestUnapplied = 2 }
        let table = grantedLeases()
        _ = test.replica.handle(.submitted([[1], [2], [3]]), now: Self.now, leases: table)
        _ = test.replica.handle(.persisted(2), now: Self.now, leases: table)
        let last = test.replica.lastIndex
        func acknowledge(_ node: NodeID, applied: LogIndex) {
            let answer = ReplicaMessage.Acknowledgement(epoch: 2, durable: last, applied: applied, sentAt: 1)
            _ = test.replica.handle(.received(.acknowledge(answer), from: node), now: Self.now, leases: table)
        }
        acknowledge(Self.second, applied: last - 3)
        acknowledge(Self.third, applied: last)
        #expect(test.replica.committed == last)
        #expect(test.replica.handle(.transfer(to: Self.second), now: Self.now, leases: table) == [])
        #expect(test.replica.mayWrite(now: Self.now, leases: table))
        acknowledge(Self.second, applied: last - 2)
        let next = Self.configuration(3, Self.second, Self.primary, Self.third)
        let effects = test.replica.handle(.transfer(to: Self.second), now: Self.now, leases: table)
        #expect(effects == [.propose(next, .transfer)])
    }

    @Test func aPrimaryThatLeavesTakesTheBestWhereNobodyCanServeSoon() {
        var test = leading { $0.largestUnapplied = 2 }
        let table = grantedLeases()
        _ = test.replica.handle(.submitted([[1], [2], [3], [4]]), now: Self.now, leases: table)
        _ = test.replica.handle(.persisted(2), now: Self.now, leases: table)
        _ = test.replica.handle(.leave(true), now: Self.now, leases: table)
        for (node, applied) in [(Self.second, LogIndex(1)), (Self.third, 2)] {
            let answer = ReplicaMessage.Acknowledgement(epoch: 2, durable: 5, applied: applied, sentAt: 1)
            _ = test.replica.handle(.received(.acknowledge(answer), from: node), now: Self.now, leases: table)
        }
        let patience = ReplicationTimes.standard.patienceWithSuccessor
        let next = Self.configuration(3, Self.third, Self.primary, Self.second)
        let early = test.replica.handle(.tick, now: Self.now + patience - 1, leases: table)
        #expect(!early.contains(.propose(next, .transfer)))
        let late = test.replica.handle(
            .tick,
            now: Self.now + patience,
            leases: grantedLeases(at: Self.now + patience - 2)
        )
        #expect(late.contains(.propose(next, .transfer)))
    }

    @Test func aLearnerThatIsGoneDoesNotHoldUpAHandover() {
        var test = self
        test.lead()
        let table = grantedLeases()
        _ = test.replica.handle(.learners([Self.learner]), now: Self.now, leases: table)
        _ = test.replica.handle(.tick, now: Self.now, leases: table)
        let answer = ReplicaMessage.Acknowledgement(epoch: 2, durable: 1, sentAt: 1)
        _ = test.replica.handle(.received(.acknowledge(answer), from: Self.learner), now: Self.now, leases: table)
        // It is about to be taken in: what comes now needs its acknowledgement.
        _ = test.replica.handle(.tick, now: Self.now, leases: table)
        _ = test.replica.handle(.submitted([[1]]), now: Self.now, leases: table)
        _ = test.replica.handle(.persisted(2), now: Self.now, leases: table)
        for node in [Self.second, Self.third] {
            let answer = ReplicaMessage.Acknowledgement(epoch: 2, durable: 2, sentAt: 1)
            _ = test.replica.handle(.received(.acknowledge(answer), from: node), now: Self.now, leases: table)
        }
        #expect(test.replica.committed == 1)
        let next = Self.configuration(3, Self.second, Self.primary, Self.third)
        let effects = test.replica.handle(.transfer(to: Self.second), now: Self.now, leases: table)
        #expect(effects == [.commit(upTo: 2), .propose(next, .transfer)])
    }

    @Test func aPrimaryThatLeavesHandsItsPlaceToOneThatStays() {
        var test = self
        test.lead()
        _ = test.tell(.leave(true))
        #expect(!test.replica.mayLeave(now: Self.now))
        let table = grantedLeases()
        let effects = test.replica.handle(.tick, now: Self.now + 200_000, leases: table)
        let next = Self.configuration(3, Self.second, Self.primary, Self.third)
        #expect(effects.contains(.propose(next, .transfer)))
    }

    @Test func aPrimaryThatLeavesFirstLeavesOutWhoIsGone() {
        var test = self
        test.lead()
        _ = test.tell(.leave(true))
        _ = test.hear(.leaving(epoch: 2), from: Self.second)
        let effects = test.tell(.tick, at: Self.now + 200_000)
        #expect(effects.contains(.propose(Self.configuration(3, Self.primary, Self.third), .removal)))
    }

    @Test func whoIsAloneMayLeave() {
        var test = self
        _ = test.tell(.configured(Self.configuration(1, Self.primary)))
        _ = test.tell(.configured(Self.configuration(2, Self.primary)))
        #expect(test.replica.mayLeave(now: Self.now))
    }

    @Test func aLearnerThatIsSentASnapshotDoesNotCount() {
        var test = self
        test.lead()
        _ = test.tell(.learners([Self.learner]))
        _ = test.tell(.tick)
        let snapshot = test.tell(.read([], previousEpoch: 0, for: Self.learner, epoch: 2))
        #expect(snapshot.contains(.sendSnapshot(to: Self.learner, epoch: 2)))
        // Late, of before.
        _ = test.hear(.acknowledge(.init(epoch: 2, durable: 1)), from: Self.learner)
        var effects = test.tell(.tick)
        _ = test.tell(.submitted([[7]]))
        _ = test.tell(.persisted(2))
        for node in [Self.second, Self.third] {
            effects += test.hear(.acknowledge(.init(epoch: 2, durable: 2)), from: node)
        }
        #expect(test.replica.committed == 2, "commits do not wait for it")
        #expect(!effects.contains { if case .propose = $0 { true } else { false } })
    }

    @Test func aMemberIsSentNoSnapshot() {
        var test = self
        test.lead()
        let effects = test.tell(.read([], previousEpoch: 0, for: Self.second, epoch: 2))
        #expect(effects.isEmpty)
    }

    @Test func whoOnlyWantsToLeaveStaysWhereAnotherOneIsGone() {
        var test = self
        test.lead()
        let later = Self.now + 5_000_000
        _ = test.tell(.received(.leaving(epoch: 2), from: Self.third), at: later)
        let effects = test.tell(.tick, at: later)
        // Nobody grants a lease here: both are silent, and too few would be left.
        #expect(!effects.contains { if case .propose = $0 { true } else { false } })
    }

    @Test func entriesOfEpochsThatCannotBeAreRefused() {
        let configuration = Self.configuration(4, Self.primary, Self.second)
        func isRefused(_ epochs: [UInt64], behind previous: UInt64 = 2) -> Bool {
            let entries = epochs.enumerated().map {
                ReplicatedEntry(epoch: $1, index: LogIndex($0 + 8), payload: [1])
            }
            let message = ReplicaMessage.append(
                .init(
                    configuration: configuration,
                    previousIndex: 7,
                    previousEpoch: previous,
                    committed: 0,
                    entries: entries
                )
            )
            return (try? ReplicaMessage(decoding: message.encoded())) == nil
        }
        #expect(!isRefused([2, 3, 3, 4]))
        #expect(isRefused([0], behind: 0) && isRefused([1]) && isRefused([3, 2]) && isRefused([5]))
    }

    @Test func anOddSecondaryIsLeftOutAndBeginsAnewFromASnapshot() {
        var test = self
        test.lead()
        _ = test.tell(.rebuild(Self.third))
        var effects = test.tell(.tick)
        let without = Self.configuration(3, Self.primary, Self.second)
        #expect(effects.contains(.propose(without, .removal)))
        _ = test.tell(.configured(without))

        // As a learner it gets nothing before a snapshot that has an entry which it cannot have.
        _ = test.tell(.learners([Self.third]))
        effects = test.tell(.tick)
        #expect(test.replica.lastIndex == 2)
        #expect(!effects.contains { Self.isAppend($0, to: Self.third) })
        _ = test.tell(.persisted(2))
        _ = test.hear(.acknowledge(.init(epoch: 3, durable: 2)), from: Self.second)
        #expect(test.replica.committed == 2)
        effects = test.tell(.tick)
        #expect(effects.contains(.sendSnapshot(to: Self.third, epoch: 3)))
        effects = test.tell(.tick)
        #expect(!effects.contains(.sendSnapshot(to: Self.third, epoch: 3)))

        // What it had is no answer; what the snapshot has is.
        _ = test.tell(.snapshotEnded(for: Self.third, epoch: 3))
        effects = test.hear(.mismatch(.init(epoch: 3, last: 1)), from: Self.third)
        #expect(!effects.contains { Self.isAppend($0, to: Self.third) })
        _ = test.hear(.mismatch(.init(epoch: 3, last: 2)), from: Self.third)
        effects = test.tell(.tick, at: Self.now + 300_000)
        #expect(effects.contains { Self.isAppend($0, to: Self.third) })
    }

    @Test func aSnapshotWithoutAnAnswerIsSentAgainBehindANewEntry() {
        var test = self
        test.leadWithOddLearner()
        _ = test.hear(.acknowledge(.init(epoch: 3, durable: 2)), from: Self.second)
        _ = test.tell(.tick)
        _ = test.tell(.snapshotEnded(for: Self.third, epoch: 3))
        _ = test.tell(.tick)
        #expect(test.replica.lastIndex == 2, "the answer may be on its way")
        _ = test.tell(.tick, at: Self.now + 400_000)
        #expect(test.replica.lastIndex == 3)
    }

    @Test func anOddLearnerIsTakenAsItIsWhereNothingIsCommittedWithoutIt() {
        var test = self
        test.leadWithOddLearner()
        let effects = test.tell(.tick, at: Self.now + ReplicationTimes.standard.acknowledgement)
        #expect(!effects.contains(.sendSnapshot(to: Self.third, epoch: 3)))
        let later = test.tell(.tick, at: Self.now + 2 * ReplicationTimes.standard.acknowledgement)
        #expect(later.contains { Self.isAppend($0, to: Self.third) })
    }

    /// Leads with two members, while the third, which differed from them, is a learner to be filled anew.
    private mutating func leadWithOddLearner() {
        lead()
        _ = tell(.rebuild(Self.third))
        _ = tell(.tick)
        _ = tell(.configured(Self.configuration(3, Self.primary, Self.second)))
        _ = tell(.learners([Self.third]))
        _ = tell(.tick)
        _ = tell(.persisted(2))
    }

    private static func isAppend(_ effect: ReplicaState.Effect, to node: NodeID) -> Bool {
        if case .send(.append, to: node) = effect { true } else { false }
    }
}
