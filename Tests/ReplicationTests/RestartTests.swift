import Model
import Placement
import Replication
import Testing

/// A primary that has been killed and is back before anybody has taken its place.
@Suite struct RestartTests {
    private static let (own, second, third) = (NodeID(1), NodeID(2), NodeID(3))
    private static let partition = PartitionID(0)
    private static let start: MonotonicTime = 10_000_000

    private static func configuration(_ epoch: UInt64, _ nodes: NodeID...) -> PartitionMap.Configuration {
        PartitionMap.Configuration(epoch: epoch, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
    }

    /// A log that ends with so many entries of an epoch, behind one of an earlier one.
    private static func log(_ entries: Int, of epoch: UInt64) -> EpochTable {
        var log = EpochTable(startingBehind: 5, epoch: epoch - 1)
        for _ in 0..<entries { log.append(epoch: epoch) }
        return log
    }

    /// Starts a node with a log and lets it learn of configurations; with leases from all others, and all that it sends acknowledged.
    ///
    /// - Returns: whether it serves within a grace period of its start.
    private static func servesAtOnce(_ log: EpochTable, _ configurations: PartitionMap.Configuration...) -> Bool {
        var leases = LeaseTable(times: .standard, run: 1, now: start)
        var replica = ReplicaState(
            node: own,
            partition: partition,
            settings: ReplicationSettings(replicationFactor: 3),
            log: log,
            committed: log.last
        )
        var ticket: UInt64 = 0
        for configuration in configurations {
            leases.learn(configuration, of: partition)
            for effect in replica.handle(.configured(configuration), now: start, leases: leases) {
                if case .persist(_, after: _, let given) = effect { ticket = given }
            }
        }
        guard let last = configurations.last, replica.isPrimary else { return false }
        var now = start
        for peer in last.secondaries {
            var grantor = LeaseTable(times: .standard, run: peer.rawValue, now: 0)
            grantor.learn(last, of: partition)
            leases.want([partition: last.epoch], from: peer, now: now)
            for _ in 0..<3 {
                now += 1_000
                guard let reply = grantor.receive(leases.beacon(to: peer, now: now), from: own, now: now) else {
                    continue
                }
                leases.receive(reply, from: peer, now: now)
            }
        }
        _ = replica.handle(.persisted(ticket), now: now, leases: leases)
        for peer in last.secondaries {
            let answer = ReplicaMessage.Acknowledgement(epoch: last.epoch, durable: replica.lastIndex)
            _ = replica.handle(.received(.acknowledge(answer), from: peer), now: now, leases: leases)
        }
        return replica.mayRead(now: now, leases: leases)
    }

    private static let before = configuration(7, own, second, third)
    private static let after = configuration(8, own, second, third)

    @Test func whoHasServedInTheLastEpochGoesOnAtOnce() {
        #expect(Self.servesAtOnce(Self.log(2, of: 7), Self.before, Self.after))
    }

    @Test func whoMayNotHaveServedWaitsForWhomItsEarlierRunHasPromisedSomething() {
        #expect(!Self.servesAtOnce(Self.log(1, of: 7), Self.before, Self.after), "only the epoch's beginning is there")
        #expect(!Self.servesAtOnce(Self.log(2, of: 6), Self.before, Self.after), "nothing of the epoch is there")
    }

    @Test func whatAnotherPrimaryHasSentShowsNothing() {
        let other = Self.configuration(7, Self.second, Self.own, Self.third)
        #expect(!Self.servesAtOnce(Self.log(2, of: 7), other, Self.configuration(8, Self.own, Self.third)))
    }

    @Test func whoMissedAnEpochWaits() {
        #expect(!Self.servesAtOnce(Self.log(2, of: 7), Self.before, Self.configuration(9, Self.own, Self.second)))
    }
}
