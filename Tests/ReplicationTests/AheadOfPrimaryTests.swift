import Model
import Placement
import Replication
import Testing

/// A replica that has applied more than the primary: one that comes back when an operator has forced another one to lead. It stops,
/// instead of taking entries behind what only it has.
@Suite struct AheadOfPrimaryTests {
    private static let (own, primary) = (NodeID(1), NodeID(2))
    private static let now: MonotonicTime = 10_000_000

    /// A stranger that has applied 105 entries of epoch 3, and whose table knows them from an index on.
    private static func stranger(tableFrom first: LogIndex) -> ReplicaState {
        var table = EpochTable(startingBehind: first, epoch: 3)
        for _ in first..<105 { table.append(epoch: 3) }
        var replica = ReplicaState(
            node: own,
            partition: PartitionID(0),
            settings: ReplicationSettings(replicationFactor: 3),
            log: table,
            committed: 105
        )
        let forced = PartitionMap.Configuration(epoch: 5, primary: primary, secondaries: [])
        _ = replica.handle(.configured(forced), now: now, leases: LeaseTable(times: .standard, run: 1, now: 0))
        return replica
    }

    private static func effects(
        of replica: ReplicaState,
        on previous: LogIndex,
        _ previousEpoch: UInt64,
        entryEpoch: UInt64 = 5
    ) -> [ReplicaState.Effect] {
        var replica = replica
        let append = ReplicaMessage.Append(
            configuration: PartitionMap.Configuration(epoch: 5, primary: primary, secondaries: []),
            previousIndex: previous,
            previousEpoch: previousEpoch,
            committed: previous,
            entries: [ReplicatedEntry(epoch: entryEpoch, index: previous + 1, payload: [1])]
        )
        let leases = LeaseTable(times: .standard, run: 1, now: 0)
        return replica.handle(.received(.append(append), from: primary), now: now, leases: leases)
    }

    private static func stops(_ effects: [ReplicaState.Effect]) -> Bool {
        effects.contains { if case .stop = $0 { true } else { false } }
    }

    @Test func whatItHasAppliedIsNotBuiltOnWhereThePrimaryHasSomethingElse() {
        let replica = Self.stranger(tableFrom: 90)
        #expect(Self.stops(Self.effects(of: replica, on: 105, 5)))
        #expect(Self.stops(Self.effects(of: replica, on: 101, 5)))
    }

    @Test func aTableThatBeginsLaterKnowsThatEpochsOnlyGrow() {
        let replica = Self.stranger(tableFrom: 105)
        #expect(Self.stops(Self.effects(of: replica, on: 101, 5)))
        #expect(Self.stops(Self.effects(of: replica, on: 101, 3)))
        // They may be the same.
        #expect(!Self.stops(Self.effects(of: replica, on: 101, 3, entryEpoch: 3)))
    }

    @Test func whatIsTheSameIsTakenAsAtAnyTime() {
        let replica = Self.stranger(tableFrom: 90)
        let effects = Self.effects(of: replica, on: 105, 3)
        #expect(!Self.stops(effects))
        #expect(effects.contains { if case .persist = $0 { true } else { false } })
    }
}
