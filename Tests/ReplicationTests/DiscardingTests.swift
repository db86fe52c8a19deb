import Model
import Placement
import Replication
import Testing

/// When a replica whose node has no part in its partition any more lets go what it has.
@Suite struct DiscardingTests {
    private static let (primary, second, third, own) = (NodeID(1), NodeID(2), NodeID(3), NodeID(4))
    private static let now: MonotonicTime = 10_000_000
    private static let later = now + ReplicationTimes.standard.patienceWithDispensable

    private static func configuration(_ epoch: UInt64, _ nodes: NodeID...) -> PartitionMap.Configuration {
        PartitionMap.Configuration(epoch: epoch, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
    }

    private let leases = LeaseTable(times: .standard, run: 1, now: 0)
    private var replica = ReplicaState(
        node: own,
        partition: PartitionID(0),
        settings: ReplicationSettings(replicationFactor: 3),
        log: EpochTable(startingBehind: 5, epoch: 2),
        committed: 5
    )

    @discardableResult
    private mutating func tell(_ event: ReplicaState.Event, at now: MonotonicTime = now) -> [ReplicaState.Effect] {
        replica.handle(event, now: now, leases: leases)
    }

    private mutating func hear(_ configuration: PartitionMap.Configuration, previous: LogIndex = 5) {
        let append = ReplicaMessage.Append(
            configuration: configuration,
            previousIndex: previous,
            previousEpoch: 2,
            committed: 5,
            entries: []
        )
        tell(.received(.append(append), from: Self.primary))
    }

    /// The replica was a member, and others have all the places.
    private mutating func becomeDispensable() {
        tell(.configured(Self.configuration(3, Self.primary, Self.second, Self.own)))
        tell(.configured(Self.configuration(5, Self.primary, Self.second, Self.third)))
    }

    private var discards: Bool {
        var copy = self
        return copy.tell(.tick).isEmpty && copy.tell(.tick, at: Self.later) == [.discard]
    }

    @Test func aFormerMemberLetsGoWhenTheOthersAreComplete() {
        var test = self
        test.tell(.configured(Self.configuration(3, Self.primary, Self.second, Self.own)))
        #expect(!test.discards, "it is a member")
        test.tell(.configured(Self.configuration(4, Self.primary, Self.second)))
        #expect(!test.discards, "what it has may save filling it again")
        test.tell(.configured(Self.configuration(5, Self.primary, Self.second, Self.third)))
        #expect(test.discards)
    }

    @Test func aLearnerKeepsWhatItHas() {
        var test = self
        test.becomeDispensable()
        test.tell(.learners([Self.own]))
        #expect(!test.discards)
        test.tell(.tick, at: Self.later)
        test.tell(.learners([]))
        #expect(test.tell(.tick, at: Self.later).isEmpty, "it may be named again soon")
        test = self
        test.becomeDispensable()
        #expect(test.discards)
    }

    @Test func nobodyLetsGoInAnEpochInWhichItHasToldThePrimaryWhatItHolds() {
        for previous: LogIndex in [5, 9] {
            var test = self
            test.becomeDispensable()
            // Answered with an acknowledgement, or with how far it is.
            test.hear(Self.configuration(5, Self.primary, Self.second, Self.third), previous: previous)
            #expect(!test.discards, "an admission may count on it")
            test.tell(.configured(Self.configuration(6, Self.second, Self.primary, Self.third)))
            #expect(test.discards)
        }
    }

    @Test func whatAnEarlierRunHasSaidIsWaitedForToo() {
        var test = self
        test.tell(.configured(Self.configuration(4, Self.primary, Self.second, Self.third)))
        // It asks for another epoch, now and then.
        #expect(test.tell(.tick).isEmpty)
        #expect(test.tell(.tick, at: Self.later) == [.send(.leaving(epoch: 4), to: Self.primary)])
        #expect(test.tell(.tick, at: Self.later).isEmpty)
        test.tell(.configured(Self.configuration(5, Self.second, Self.primary, Self.third)))
        #expect(test.tell(.tick, at: Self.later) == [.discard])
    }

    @Test func aPrimaryBeginsAnEpochForAFormerMember() {
        var test = self
        test.replica = ReplicaState(
            node: Self.primary,
            partition: PartitionID(0),
            settings: ReplicationSettings(replicationFactor: 1),
            log: EpochTable(),
            committed: 0
        )
        test.tell(.configured(Self.configuration(1, Self.primary)))
        test.tell(.configured(Self.configuration(2, Self.primary)))
        test.tell(.persisted(1))
        let next = Self.configuration(3, Self.primary)
        test.tell(.learners([Self.own]))
        #expect(test.tell(.received(.leaving(epoch: 2), from: Self.own)).isEmpty, "it is a learner")
        test.tell(.learners([]))
        #expect(test.tell(.received(.leaving(epoch: 1), from: Self.own)).isEmpty, "of an epoch that is over")
        #expect(test.tell(.received(.leaving(epoch: 2), from: Self.own)) == [.propose(next, .renewal)])
        #expect(test.tell(.received(.leaving(epoch: 2), from: Self.own)).isEmpty, "it is asked for already")
        test.tell(.configured(next))
        #expect(test.replica.isPrimary && test.replica.beginning == 1, "it goes on")
    }

    @Test func theOnlyCopyIsKept() {
        var test = self
        test.replica = ReplicaState(
            node: Self.own,
            partition: PartitionID(0),
            settings: ReplicationSettings(replicationFactor: 1),
            log: EpochTable(startingBehind: 5, epoch: 2),
            committed: 5
        )
        test.tell(.configured(Self.configuration(3, Self.own)))
        test.tell(.configured(Self.configuration(4, Self.primary)))
        #expect(!test.discards)
    }

    @Test func aFormerMemberTellsANewPrimaryNothingUnasked() {
        var test = self
        let member = Self.configuration(3, Self.primary, Self.second, Self.own)
        test.tell(.configured(member))
        let append = ReplicaMessage.Append(
            configuration: member,
            previousIndex: 5,
            previousEpoch: 2,
            committed: 5,
            entries: [ReplicatedEntry(epoch: 3, index: 6, payload: [1])]
        )
        test.tell(.received(.append(append), from: Self.primary))
        test.tell(.configured(Self.configuration(5, Self.primary, Self.second, Self.third)))
        #expect(test.tell(.persisted(1)).isEmpty)
        #expect(test.discards)
    }

    @Test func aPrimaryForgetsWhatLearnersHeldInEarlierEpochs() {
        var test = self
        test.replica = ReplicaState(
            node: Self.primary,
            partition: PartitionID(0),
            settings: ReplicationSettings(replicationFactor: 3),
            log: EpochTable(),
            committed: 0
        )
        test.tell(.configured(Self.configuration(1, Self.primary, Self.second)))
        test.tell(.configured(Self.configuration(2, Self.primary, Self.second)))
        test.tell(.persisted(1))
        test.tell(.received(.acknowledge(.init(epoch: 2, durable: 1)), from: Self.second))
        test.tell(.learners([Self.own]))
        test.tell(.tick)
        test.tell(.received(.acknowledge(.init(epoch: 2, durable: 1)), from: Self.own))
        test.tell(.configured(Self.configuration(3, Self.primary, Self.second)))
        test.tell(.submitted([[1]]))
        test.tell(.persisted(2))
        test.tell(.received(.acknowledge(.init(epoch: 3, durable: 2)), from: Self.second))
        // An admission would begin with the next look, and commits need the learner then.
        test.tell(.tick)
        test.tell(.submitted([[2]]))
        test.tell(.persisted(3))
        test.tell(.received(.acknowledge(.init(epoch: 3, durable: 3)), from: Self.second))
        #expect(test.replica.committed == 3)
        // It has said it again.
        test.tell(.received(.acknowledge(.init(epoch: 3, durable: 3)), from: Self.own))
        test.tell(.tick)
        test.tell(.submitted([[3]]))
        test.tell(.persisted(4))
        test.tell(.received(.acknowledge(.init(epoch: 3, durable: 4)), from: Self.second))
        #expect(test.replica.committed == 3)
        test.tell(.received(.acknowledge(.init(epoch: 3, durable: 4)), from: Self.own))
        #expect(test.replica.committed == 4)
    }
}
