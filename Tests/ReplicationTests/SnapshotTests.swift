import Model
import Placement
import Replication
import Testing

/// When a snapshot may take the place of what a replica has.
@Suite struct SnapshotTests {
    private static let (primary, second, own) = (NodeID(1), NodeID(2), NodeID(4))
    private static let now: MonotonicTime = 10_000_000
    private static let configuration = PartitionMap.Configuration(epoch: 3, primary: primary, secondaries: [second])

    private let leases = LeaseTable(times: .standard, run: 1, now: 0)
    private var replica = ReplicaState(
        node: own,
        partition: PartitionID(0),
        settings: ReplicationSettings(replicationFactor: 3),
        log: EpochTable(startingBehind: 5, epoch: 2),
        committed: 5
    )

    /// Makes the replica a learner that has acknowledged entries 6 to 8, of which 6 is committed.
    private mutating func learn() {
        _ = replica.handle(.configured(Self.configuration), now: Self.now, leases: leases)
        _ = replica.handle(.learners([Self.own]), now: Self.now, leases: leases)
        let append = ReplicaMessage.Append(
            configuration: Self.configuration,
            previousIndex: 5,
            previousEpoch: 2,
            committed: 6,
            entries: (6...8).map { ReplicatedEntry(epoch: 3, index: $0, payload: []) }
        )
        _ = replica.handle(.received(.append(append), from: Self.primary), now: Self.now, leases: leases)
        _ = replica.handle(.persisted(1), now: Self.now, leases: leases)
    }

    @Test func nothingThatALearnerHasAcknowledgedIsTakenAway() {
        var test = self
        #expect(test.replica.mayInstall(6))
        test.learn()
        #expect(test.replica.acknowledged == 8 && test.replica.committed == 6)
        #expect(!test.replica.mayInstall(7), "the primary counts on entry 8")
        #expect(test.replica.mayInstall(8) && test.replica.mayInstall(20))
        #expect(test.replica.handle(.installed(index: 7, epoch: 3), now: Self.now, leases: leases).isEmpty)
        #expect(test.replica.lastIndex == 8)
    }

    @Test func aMemberTakesNone() {
        var test = self
        let member = PartitionMap.Configuration(epoch: 3, primary: Self.primary, secondaries: [Self.own])
        _ = test.replica.handle(.configured(member), now: Self.now, leases: leases)
        #expect(!test.replica.mayInstall(20))
    }
}
