import Model
import Placement
import Replication
import Testing

@Suite struct LeaseTableTests {
    private static let times = ReplicationTimes.standard
    private static let partition = PartitionID(7)
    private static let primary = NodeID(1)
    private static let secondary = NodeID(2)

    private static func configuration(_ epoch: UInt64, primary: NodeID = primary) -> PartitionMap.Configuration {
        PartitionMap.Configuration(epoch: epoch, primary: primary, secondaries: [secondary])
    }

    private var holder = LeaseTable(times: times, run: 11, now: 0)
    private var grantor = LeaseTable(times: times, run: 22, now: 0)

    init() {
        holder.want([Self.partition: 3], from: Self.secondary, now: 0)
        grantor.learn(Self.configuration(3), of: Self.partition)
    }

    /// - Returns: whether the beacon was answered.
    @discardableResult
    private mutating func exchange(sentAt: MonotonicTime, receivedAt: MonotonicTime) -> BeaconReply? {
        let beacon = holder.beacon(to: Self.secondary, now: sentAt)
        guard let reply = grantor.receive(beacon, from: Self.primary, now: receivedAt) else { return nil }
        holder.receive(reply, from: Self.secondary, now: sentAt)
        return reply
    }

    private var leaseEnd: MonotonicTime? { holder.leaseEnd(from: Self.secondary, for: Self.partition) }

    @Test func aLeaseCountsFromTheSendingAndThePromiseFromTheReceipt() {
        var test = self
        test.exchange(sentAt: 1_000, receivedAt: 50_000)
        #expect(test.leaseEnd == nil, "the first reply only names the session")
        test.exchange(sentAt: 2_000, receivedAt: 60_000)
        #expect(test.leaseEnd == 2_000 + Self.times.lease)
        #expect(test.grantor.graceEnd(of: Self.primary, for: Self.partition) == 60_000 + Self.times.grace)
    }

    @Test func lateAndRepeatedBeaconsPromiseNothing() {
        var test = self
        test.exchange(sentAt: 1_000, receivedAt: 1_000)
        let old = test.holder.beacon(to: Self.secondary, now: 2_000)
        test.exchange(sentAt: 3_000, receivedAt: 3_000)
        let reply = test.grantor.receive(old, from: Self.primary, now: 4_000)
        #expect(reply == nil)
        #expect(test.grantor.graceEnd(of: Self.primary, for: Self.partition) == 3_000 + Self.times.grace)
    }

    @Test func afterAClaimNothingExtendsTheLease() {
        var test = self
        test.exchange(sentAt: 1_000, receivedAt: 1_000)
        test.exchange(sentAt: 2_000, receivedAt: 2_000)
        test.grantor.beginClaim(of: Self.partition, ending: 3, of: Self.primary)
        for time in [MonotonicTime](stride(from: 3_000, through: 9_000, by: 1_000)) {
            test.exchange(sentAt: time, receivedAt: time)
            #expect(test.leaseEnd == 2_000 + Self.times.lease)
        }
        // Lost: somebody else's proposal ended the epoch, and the primary is the same.
        test.grantor.learn(Self.configuration(4), of: Self.partition)
        test.holder.want([Self.partition: 4], from: Self.secondary, now: 0)
        test.exchange(sentAt: 10_000, receivedAt: 10_000)
        #expect(test.leaseEnd == 10_000 + Self.times.lease)
    }

    @Test func whoKnowsOfANewerEpochPromisesNothingForTheOlder() {
        var test = self
        test.grantor.learn(Self.configuration(4), of: Self.partition)
        test.exchange(sentAt: 1_000, receivedAt: 1_000)
        test.exchange(sentAt: 2_000, receivedAt: 2_000)
        #expect(test.leaseEnd == nil)
    }

    @Test func aLateReplyOfAnEndedSessionDoesNotRideOnTheNewOne() throws {
        var test = self
        test.exchange(sentAt: 1_000, receivedAt: 1_000)
        let answered = test.exchange(sentAt: 2_000, receivedAt: 2_000)
        let late = try #require(answered)
        test.grantor.beginClaim(of: Self.partition, ending: 3, of: Self.primary)
        test.exchange(sentAt: 500_000, receivedAt: 500_000)
        test.exchange(sentAt: 600_000, receivedAt: 600_000)
        test.holder.receive(late, from: Self.secondary, now: 600_000)
        #expect(test.leaseEnd == 2_000 + Self.times.lease)
    }

    /// As many may be late as were on their way, and each beacon would lead to one more.
    @Test func aReplyFromBeforeTheHolderLeftTheSessionLeadsToNoBeacon() throws {
        var test = self
        let opened = test.exchange(sentAt: 1_000, receivedAt: 1_000)
        let late = try #require(opened)
        test.holder.want([:], from: Self.secondary, now: 3_000)
        let isSessionNew = test.holder.receive(late, from: Self.secondary, now: 3_000)
        #expect(!isSessionNew)
    }

    @Test func repliesToAnEarlierRunAreIgnored() throws {
        var test = self
        test.exchange(sentAt: 1_000, receivedAt: 1_000)
        let answered = test.exchange(sentAt: 2_000, receivedAt: 2_000)
        let reply = try #require(answered)
        var restarted = LeaseTable(times: Self.times, run: 12, now: 3_000)
        restarted.want([Self.partition: 3], from: Self.secondary, now: 0)
        restarted.receive(reply, from: Self.secondary, now: 3_000)
        #expect(restarted.leaseEnd(from: Self.secondary, for: Self.partition) == nil)
    }

    @Test func aStartWaitsAWholeGracePeriod() {
        let table = LeaseTable(times: Self.times, run: 1, now: 5_000_000)
        #expect(table.graceEnd(of: Self.primary, for: Self.partition) == 5_000_000 + Self.times.grace)
        #expect(table.promiseEnd(for: Self.partition) == 5_000_000 + Self.times.grace)
    }

    @Test func beaconsOnTheirWayDoNotKeepSessionsFromBeginning() {
        var test = self
        // Two at a time, each answered after the next was sent: none names the newest session when it is sent.
        var underWay: [Beacon] = []
        for time: MonotonicTime in stride(from: 1_000, through: 20_000, by: 1_000) {
            underWay.append(test.holder.beacon(to: Self.secondary, now: time))
            guard underWay.count > 2 else { continue }
            if let reply = test.grantor.receive(underWay.removeFirst(), from: Self.primary, now: time) {
                test.holder.receive(reply, from: Self.secondary, now: time)
            }
        }
        #expect(test.leaseEnd != nil)
    }

    @Test func whoLearnsOfANewPrimaryKeepsTheOldOneUpNoLonger() {
        var test = self
        for time: MonotonicTime in [1_000, 2_000] {
            test.exchange(sentAt: time, receivedAt: time)
        }
        test.grantor.learn(Self.configuration(4, primary: NodeID(3)), of: Self.partition)
        for time: MonotonicTime in [3_000, 4_000, 5_000] {
            test.exchange(sentAt: time, receivedAt: time)
        }
        #expect(test.leaseEnd == 2_000 + Self.times.lease)
        #expect(test.grantor.promiseEnd(for: Self.partition) == 2_000 + Self.times.grace)
    }

    @Test func aReplyOfTheFutureIsNone() {
        var test = self
        for time: MonotonicTime in [1_000, 2_000] {
            test.exchange(sentAt: time, receivedAt: time)
        }
        let session = test.holder.beacon(to: Self.secondary, now: 3_000).session
        let reply = BeaconReply(run: 11, sentAt: 1 << 61, session: session, covers: [])
        test.holder.receive(reply, from: Self.secondary, now: 3_000)
        #expect(test.leaseEnd == 2_000 + Self.times.lease)
    }

    @Test func aPrimaryThatLeadsOnePartitionNoLongerIsNotHeardOfForIt() {
        var test = self
        let other = PartitionID(8)
        test.grantor.learn(Self.configuration(1), of: other)
        test.holder.want([Self.partition: 3, other: 1], from: Self.secondary, now: 0)
        for time: MonotonicTime in [1_000, 2_000] {
            test.exchange(sentAt: time, receivedAt: time)
        }
        test.holder.want([other: 1], from: Self.secondary, now: 2_500)
        for time: MonotonicTime in [3_000, 4_000, 5_000] {
            test.exchange(sentAt: time, receivedAt: time)
        }
        #expect(test.grantor.graceEnd(of: Self.primary, for: Self.partition) == 2_000 + Self.times.grace)
        #expect(test.grantor.graceEnd(of: Self.primary, for: other) == 5_000 + Self.times.grace)
        #expect(test.holder.leaseEnd(from: Self.secondary, for: other) == 5_000 + Self.times.lease)
    }
}
