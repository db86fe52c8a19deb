import Model
import Placement
import Replication
import Testing

/// Reads of secondaries: never further behind than is said.
@Suite struct FreshnessTests {
    private static let (primary, secondary, third) = (NodeID(1), NodeID(2), NodeID(3))
    private static let partition = PartitionID(0)
    private static let staleness = ReplicationTimes.standard.staleness
    private static let configuration = PartitionMap.Configuration(
        epoch: 2,
        primary: primary,
        secondaries: [secondary, third]
    )

    private let leases = LeaseTable(times: .standard, run: 1, now: 0)

    private func replica(_ node: NodeID) -> ReplicaState {
        var replica = ReplicaState(
            node: node,
            partition: Self.partition,
            settings: ReplicationSettings(replicationFactor: 3),
            log: EpochTable(),
            committed: 0
        )
        let old = PartitionMap.Configuration(
            epoch: 1,
            primary: Self.primary,
            secondaries: [Self.secondary, Self.third]
        )
        _ = replica.handle(.configured(old), now: 0, leases: leases)
        _ = replica.handle(.configured(Self.configuration), now: 0, leases: leases)
        return replica
    }

    /// A secondary that has one entry, which is committed, after hearing that this was all as of a time.
    private func secondary(completeAsOf time: MonotonicTime, at now: MonotonicTime) -> ReplicaState {
        var replica = replica(Self.secondary)
        let entry = ReplicatedEntry(epoch: 2, index: 1, payload: [1])
        _ = replica.handle(.received(append([entry], 0), from: Self.primary), now: now, leases: leases)
        _ = replica.handle(.persisted(1), now: now, leases: leases)
        let sign = append([], 1, committed: 1, completeAsOf: time)
        _ = replica.handle(.received(sign, from: Self.primary), now: now, leases: leases)
        return replica
    }

    private func append(
        _ entries: [ReplicatedEntry],
        _ previous: LogIndex,
        committed: LogIndex = 0,
        completeAsOf time: MonotonicTime = 0
    ) -> ReplicaMessage {
        .append(
            ReplicaMessage.Append(
                configuration: Self.configuration,
                previousIndex: previous,
                previousEpoch: previous == 0 ? 0 : 2,
                committed: committed,
                isCompleteAsOf: time,
                entries: entries
            )
        )
    }

    @Test func aSecondaryIsReadUntilWhatItKnowsIsOld() {
        let replica = secondary(completeAsOf: 5_000_000, at: 5_100_000)
        #expect(replica.mayReadBehind(applied: 1, now: 5_100_000))
        #expect(replica.mayReadBehind(applied: 1, now: 5_000_000 + Self.staleness))
        #expect(!replica.mayReadBehind(applied: 1, now: 5_000_001 + Self.staleness))
    }

    @Test func whatIsNotAppliedIsNotRead() {
        let replica = secondary(completeAsOf: 5_000_000, at: 5_100_000)
        #expect(!replica.mayReadBehind(applied: 0, now: 5_100_000))
    }

    @Test func aPrimaryThatCannotSayMakesNothingFresh() {
        let replica = secondary(completeAsOf: 0, at: 5_100_000)
        #expect(!replica.mayReadBehind(applied: 1, now: 5_100_000))
    }

    @Test func aTimeThatIsNotOverIsNotBelieved() {
        let replica = secondary(completeAsOf: 6_000_000, at: 5_100_000)
        #expect(!replica.mayReadBehind(applied: 1, now: 6_100_000))
    }

    @Test func anotherConfigurationBeginsAnew() {
        var replica = secondary(completeAsOf: 5_000_000, at: 5_100_000)
        let next = PartitionMap.Configuration(epoch: 3, primary: Self.third, secondaries: [Self.secondary])
        _ = replica.handle(.configured(next), now: 5_100_000, leases: leases)
        #expect(!replica.mayReadBehind(applied: 1, now: 5_100_000))
    }

    @Test func aPrimaryOrAStrangerDoesNotAnswerSo() {
        #expect(!replica(Self.primary).mayReadBehind(applied: 1, now: 1))
        #expect(!replica(NodeID(9)).mayReadBehind(applied: 1, now: 1))
    }

    @Test func aPrimaryWithoutLeasesSaysNothingOfWhatIsCommitted() {
        var replica = replica(Self.primary)
        _ = replica.handle(.persisted(1), now: 1, leases: leases)
        for node in [Self.secondary, Self.third] {
            let answer = ReplicaMessage.acknowledge(.init(epoch: 2, durable: 1, sentAt: 77))
            _ = replica.handle(.received(answer, from: node), now: 1, leases: leases)
        }
        let effects = replica.handle(.tick, now: 1_000_000, leases: leases)
        let times = effects.compactMap { effect -> MonotonicTime? in
            guard case .send(.append(let append), to: _) = effect else { return nil }
            return append.isCompleteAsOf
        }
        #expect(!times.isEmpty && times.allSatisfy { $0 == 0 })
    }
}
