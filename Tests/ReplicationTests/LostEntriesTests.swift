import Model
import Placement
import Replication
import Testing

/// A replica that has lost what an earlier run had acknowledged: nobody may count on it before it has begun anew.
@Suite struct LostEntriesTests {
    private static let (primary, second, third, own) = (NodeID(1), NodeID(2), NodeID(3), NodeID(4))
    private static let now: MonotonicTime = 10_000_000
    private static let retry = ReplicationTimes.standard.retry

    private static func configuration(_ epoch: UInt64, _ nodes: NodeID...) -> PartitionMap.Configuration {
        PartitionMap.Configuration(epoch: epoch, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
    }

    private let leases = LeaseTable(times: .standard, run: 1, now: 0)
    private var replica = ReplicaState(
        node: own,
        partition: PartitionID(0),
        settings: ReplicationSettings(replicationFactor: 3),
        log: EpochTable(startingBehind: 5, epoch: 2),
        committed: 5,
        hasLostEntries: true
    )

    @discardableResult
    private mutating func tell(_ event: ReplicaState.Event, at now: MonotonicTime = now) -> [ReplicaState.Effect] {
        replica.handle(event, now: now, leases: leases)
    }

    private mutating func append(
        _ configuration: PartitionMap.Configuration,
        from primary: NodeID = primary
    ) -> [ReplicaState.Effect] {
        tell(
            .received(
                .append(
                    ReplicaMessage.Append(
                        configuration: configuration,
                        previousIndex: 5,
                        previousEpoch: 2,
                        committed: 5,
                        entries: [ReplicatedEntry(epoch: configuration.epoch, index: 6, payload: [])]
                    )
                ),
                from: primary
            )
        )
    }

    @Test func aMemberAcknowledgesNothingAndAsksToBeLeftOut() {
        var test = self
        let first = Self.configuration(3, Self.primary, Self.own, Self.third)
        #expect(test.tell(.configured(first)) == [.learn(first), .send(.lost(epoch: 3), to: Self.primary)])
        #expect(test.append(first).isEmpty)
        #expect(test.tell(.tick) == [.send(.lost(epoch: 3), to: Self.primary)])
        #expect(test.tell(.tick).isEmpty, "not at once again")
        #expect(test.tell(.tick, at: Self.now + Self.retry) == [.send(.lost(epoch: 3), to: Self.primary)])
        // It never takes the primary's place, however long that is silent.
        #expect(test.tell(.tick, at: Self.now * 100) == [.send(.lost(epoch: 3), to: Self.primary)])
        #expect(test.replica.hasLostEntries)
        let without = Self.configuration(4, Self.primary, Self.third)
        #expect(test.tell(.configured(without)).contains(.forgetLoss))
        #expect(!test.replica.hasLostEntries)
        let effects = test.append(without)
        #expect(effects.contains { if case .persist = $0 { true } else { false } }, "it is a learner like any other")
    }

    /// Nothing was noted beside the log: a disk, or an old copy put in its place, has taken its end away.
    @Test func aMemberThatLacksWhatIsCommittedFindsThatItHasLostIt() {
        var test = self
        test.replica = ReplicaState(
            node: Self.own,
            partition: PartitionID(0),
            settings: ReplicationSettings(replicationFactor: 3),
            log: EpochTable(startingBehind: 5, epoch: 2),
            committed: 5
        )
        func told(_ configuration: PartitionMap.Configuration, committed: LogIndex) -> ReplicaState.Event {
            let append = ReplicaMessage.Append(
                configuration: configuration,
                previousIndex: 8,
                previousEpoch: 2,
                committed: committed,
                entries: []
            )
            return .received(.append(append), from: Self.primary)
        }
        let first = Self.configuration(3, Self.primary, Self.own, Self.third)
        test.tell(.configured(first))
        #expect(test.tell(told(first, committed: 5)) == [.send(.mismatch(.init(epoch: 3, last: 5)), to: Self.primary)])
        #expect(test.tell(told(first, committed: 6)) == [.noteLoss, .send(.lost(epoch: 3), to: Self.primary)])
        #expect(test.replica.hasLostEntries)
        #expect(test.tell(told(first, committed: 6)).isEmpty)
        #expect(
            !test.tell(.tick, at: Self.now * 100).contains { if case .claim = $0 { true } else { false } },
            "it never takes the primary's place"
        )
        // A learner may lack anything.
        let without = Self.configuration(4, Self.primary, Self.third)
        #expect(test.tell(.configured(without)).contains(.forgetLoss))
        #expect(
            test.tell(told(without, committed: 6)) == [.send(.mismatch(.init(epoch: 4, last: 5)), to: Self.primary)]
        )
    }

    @Test func whoIsNamedAsPrimaryLeavesThePlaceToOthers() {
        var test = self
        let first = Self.configuration(3, Self.own, Self.second, Self.third)
        let said: [ReplicaState.Effect] = [
            .send(.lost(epoch: 3), to: Self.second), .send(.lost(epoch: 3), to: Self.third),
        ]
        #expect(test.tell(.configured(first)) == [.learn(first)] + said)
        #expect(test.tell(.tick) == said, "it asks for no epoch of its own")
        #expect(!test.replica.isPrimary && test.replica.grantors.isEmpty)
        #expect(
            test.tell(.configured(Self.configuration(4, Self.own, Self.second))).contains(
                .send(.lost(epoch: 4), to: Self.second)
            )
        )
        #expect(test.replica.hasLostEntries)
    }

    @Test func whatAnEarlierRunSaidInTheFirstEpochMayStillMakeItAMember() {
        var test = self
        let first = Self.configuration(3, Self.primary, Self.second, Self.third)
        test.tell(.learners([Self.own]))
        #expect(test.tell(.configured(first)).last == .send(.lost(epoch: 3), to: Self.primary))
        #expect(test.append(first).isEmpty)
        // The primary has taken it in meanwhile.
        #expect(
            !test.tell(.configured(Self.configuration(4, Self.primary, Self.second, Self.own))).contains(.forgetLoss)
        )
        #expect(test.tell(.configured(Self.configuration(5, Self.primary, Self.second))).contains(.forgetLoss))
    }

    @Test func aSecondaryTakesTheLostPrimarysPlaceAtOnceAndWaitsForLeasesBeforeItServes() {
        var leases = LeaseTable(times: .standard, run: 1, now: Self.now)
        var other = ReplicaState(
            node: Self.second,
            partition: PartitionID(0),
            settings: ReplicationSettings(replicationFactor: 3),
            log: EpochTable(startingBehind: 5, epoch: 2),
            committed: 5
        )
        let first = Self.configuration(3, Self.own, Self.second, Self.third)
        _ = other.handle(.configured(first), now: Self.now, leases: leases)
        leases.learn(first, of: PartitionID(0))
        #expect(other.handle(.tick, now: Self.now, leases: leases).isEmpty)
        _ = other.handle(.received(.lost(epoch: 3), from: Self.own), now: Self.now, leases: leases)
        let next = Self.configuration(4, Self.second, Self.third)
        #expect(other.handle(.tick, now: Self.now, leases: leases) == [.claim(next, from: Self.own)])
        _ = other.handle(.configured(next), now: Self.now, leases: leases)
        #expect(other.isPrimary && !other.mayRead(now: Self.now, leases: leases))
    }

    @Test func aPrimaryLeavesOutAMemberAndForgetsALearnersWords() {
        var leases = LeaseTable(times: .standard, run: 1, now: 0)
        var leader = ReplicaState(
            node: Self.primary,
            partition: PartitionID(0),
            settings: ReplicationSettings(replicationFactor: 3),
            log: EpochTable(startingBehind: 5, epoch: 2),
            committed: 5
        )
        let first = Self.configuration(1, Self.primary, Self.second, Self.own)
        for configuration in [first, first.next(first.replicas)] {
            _ = leader.handle(.configured(configuration), now: Self.now, leases: leases)
            leases.learn(configuration, of: PartitionID(0))
        }
        _ = leader.handle(.received(.lost(epoch: 1), from: Self.own), now: Self.now, leases: leases)
        #expect(!proposes(leader.handle(.tick, now: Self.now, leases: leases)), "of an epoch that is over")
        _ = leader.handle(.received(.lost(epoch: 2), from: Self.own), now: Self.now, leases: leases)
        let effects = leader.handle(.tick, now: Self.now, leases: leases)
        #expect(effects.contains(.propose(Self.configuration(3, Self.primary, Self.second), .removal)))
    }

    private func proposes(_ effects: [ReplicaState.Effect]) -> Bool {
        effects.contains { if case .propose = $0 { true } else { false } }
    }
}
