import Coordinator
import Messages
import Model
import Placement
import Testing

/// What the coordinator decides about who serves a partition.
@Suite struct ConfigurationTests {
    private static let partition = PartitionID(0)
    private static let nodes = (1...5).map { NodeID($0) }
    private var state = CoordinatorState(
        map: PartitionMap(
            clusterID: 1,
            version: 1,
            replicationFactor: 3,
            members: nodes.map { member($0) },
            configurations: [configuration(4, nodes[0], nodes[1], nodes[2])]
        )
    )

    private static func member(_ id: NodeID) -> Member {
        Member(id: id, name: "node\(id.rawValue)", host: "127.0.0.1", port: 1, beaconPort: 2)
    }

    private static func configuration(_ epoch: UInt64, _ nodes: NodeID...) -> PartitionMap.Configuration {
        PartitionMap.Configuration(epoch: epoch, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
    }

    private var current: PartitionMap.Configuration { state.map.configurations[0] }

    @discardableResult
    private mutating func propose(_ next: PartitionMap.Configuration) -> [CoordinatorState.Effect] {
        state.handle(.propose(Self.partition, next), now: 0, random: 1)
    }

    private mutating func beat(_ nodes: some Sequence<NodeID>, at now: Milliseconds) {
        for node in nodes {
            _ = state.handle(.beat(Self.member(node), .well), now: now, random: 1)
        }
    }

    @Test func ofTwoClaimsTheFirstWins() {
        var test = self
        let first = Self.configuration(5, Self.nodes[1], Self.nodes[2])
        check(test.propose(first) == [.store(test.state.map), .answer(.map(test.state.map))])
        check(test.propose(Self.configuration(5, Self.nodes[2], Self.nodes[1])) == [.answer(.map(test.state.map))])
        check(test.propose(first) == [.answer(.map(test.state.map))])
        #expect(test.current == first && test.state.map.version == 2)
    }

    @Test func onlyMembersArePromoted() {
        var test = self
        for wrong in [
            Self.configuration(5, Self.nodes[3], Self.nodes[1]),
            Self.configuration(5, Self.nodes[1], Self.nodes[1]),
            Self.configuration(5),
        ] {
            guard case .answer(.refused) = test.propose(wrong).first else {
                Issue.record("\(wrong) was taken")
                return
            }
        }
        #expect(test.current.epoch == 4)
    }

    @Test func aConfigurationKeepsAMajorityOfTheFactor() {
        var test = self
        guard case .answer(.refused) = test.propose(Self.configuration(5, Self.nodes[1])).first else {
            Issue.record("one replica is enough")
            return
        }
        check(test.propose(Self.configuration(5, Self.nodes[1], Self.nodes[2])).count == 2)
    }

    @Test func aLostReplicaIsReplacedAfterAWhile() {
        var test = self
        check(test.state.replaceLostReplicas(now: 0).isEmpty)
        test.propose(Self.configuration(5, Self.nodes[0], Self.nodes[1]))
        let alive = Self.nodes.filter { $0 != Self.nodes[2] }
        test.beat(alive, at: 3_000)
        check(test.state.replaceLostReplicas(now: 3_000).isEmpty)
        test.beat(alive, at: 12_900)
        check(test.state.replaceLostReplicas(now: 12_900).isEmpty)
        let stored = test.state.replaceLostReplicas(now: 13_000)
        #expect(stored == [.store(test.state.map)])
        guard let learner = test.state.map.learners[Self.partition]?.first else {
            Issue.record("no learner")
            return
        }
        #expect(!test.current.replicas.contains(learner))
        test.propose(Self.configuration(6, Self.nodes[0], Self.nodes[1], learner))
        #expect(test.current.replicas.count == 3 && test.state.map.learners.isEmpty)
    }

    /// A primary may not reach the learner that it is to teach: other partitions are not to wait for that.
    @Test func learnersThatLearnNothingHoldNobodyUp() {
        let replacement = CoordinatorState.Replacement()
        let lost = Self.configuration(4, Self.nodes[0], Self.nodes[1])
        let map = PartitionMap(
            clusterID: 1,
            version: 1,
            replicationFactor: 3,
            members: Self.nodes.map { Self.member($0) },
            configurations: Array(repeating: lost, count: 8)
        )
        var test = self
        test.state = CoordinatorState(map: map)
        var now: Milliseconds = 0
        func replaceUntil(_ end: Milliseconds, _ test: inout Self) {
            while now <= end {
                test.beat(Self.nodes, at: now)
                _ = test.state.replaceLostReplicas(now: now)
                now += 1_000
            }
        }
        replaceUntil(60_000, &test)
        #expect(test.state.map.learners.count == replacement.largestMoves)
        replaceUntil(replacement.patienceWithLearners, &test)
        #expect(test.state.map.learners.count == replacement.largestMoves)
        replaceUntil(replacement.patienceWithLearners + 60_000, &test)
        #expect(test.state.map.learners.count == 8)
    }

    @Test func aMemberThatIsBackIsTakenBackSoonButLaterEachTime() {
        var test = self
        check(test.state.replaceLostReplicas(now: 0).isEmpty)
        var epoch: UInt64 = 5
        var now: Milliseconds = 10_000
        var waits: [Milliseconds] = []
        for _ in 0..<6 {
            _ = test.state.handle(
                .propose(Self.partition, Self.configuration(epoch, Self.nodes[0], Self.nodes[1])),
                now: now,
                random: 1
            )
            let began = now
            while test.state.map.learners.isEmpty, now < began + 60_000 {
                now += 100
                test.beat(Self.nodes[0..<3], at: now)
                _ = test.state.replaceLostReplicas(now: now)
            }
            waits.append(now - began)
            #expect(test.state.map.learners[Self.partition] == [Self.nodes[2]])
            test.propose(Self.configuration(epoch + 1, Self.nodes[0], Self.nodes[1], Self.nodes[2]))
            _ = test.state.replaceLostReplicas(now: now)
            epoch += 2
        }
        #expect(waits == [1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
    }

    @Test func aMemberThatIsGoneIsReplacedThoughItIsListed() {
        var test = self
        let alive = [0, 1, 3].map { Self.nodes[$0] }
        for time: Milliseconds in stride(from: 1_000, through: 20_000, by: 1_000) {
            test.beat(alive, at: time)
            _ = test.state.replaceLostReplicas(now: time)
        }
        #expect(test.state.map.learners == [Self.partition: [Self.nodes[3]]])
    }

    /// A move leaves a partition as many replicas as before: who left gave its place to somebody else.
    @Test func aMemberThatWasMovedAwayIsNotTakenBack() {
        var test = self
        check(test.state.replaceLostReplicas(now: 0).isEmpty)
        _ = test.state.handle(.beat(Self.member(Self.nodes[3]), .well), now: 0, random: 1)
        _ = test.state.handle(.addLearner(Self.partition, Self.nodes[3]), now: 0, random: 1)
        test.propose(Self.configuration(5, Self.nodes[0], Self.nodes[1], Self.nodes[2], Self.nodes[3]))
        test.propose(Self.configuration(6, Self.nodes[0], Self.nodes[1], Self.nodes[3]))
        // Another node is away for a moment.
        test.propose(Self.configuration(7, Self.nodes[0], Self.nodes[3]))
        for time: Milliseconds in stride(from: 3_000, through: 6_000, by: 500) {
            test.beat([0, 1, 2, 3].map { Self.nodes[$0] }, at: time)
            _ = test.state.replaceLostReplicas(now: time)
        }
        #expect(test.state.map.learners == [Self.partition: [Self.nodes[1]]])
    }

    /// Of a node where one partition has stopped the others are as good as before.
    @Test func onlyWhatHasStoppedIsReplaced() {
        var test = self
        test.state = CoordinatorState(
            map: PartitionMap(
                clusterID: 1,
                version: 1,
                replicationFactor: 3,
                members: Self.nodes.map { Self.member($0) },
                configurations: Array(repeating: test.current, count: 4)
            )
        )
        let stopped = NodeHealth.well(butStopped: [PartitionID(2)])
        for time: Milliseconds in stride(from: 0, through: 60_000, by: 1_000) {
            test.beat(Self.nodes, at: time)
            _ = test.state.handle(.beat(Self.member(Self.nodes[2]), stopped), now: time, random: 1)
            _ = test.state.replaceLostReplicas(now: time)
        }
        #expect(test.state.map.learners.keys.map(\.self) == [PartitionID(2)])
        guard let learner = test.state.map.learners[PartitionID(2)]?.first else { return }
        #expect(!test.current.replicas.contains(learner))
        // It does not come back to where it has stopped, and a learner that stops is one no longer.
        _ = test.state.handle(
            .propose(PartitionID(2), Self.configuration(5, Self.nodes[0], Self.nodes[1])),
            now: 60_000,
            random: 1
        )
        for time: Milliseconds in stride(from: 61_000, through: 90_000, by: 1_000) {
            test.beat(Self.nodes, at: time)
            for node in [Self.nodes[2], learner] {
                _ = test.state.handle(.beat(Self.member(node), stopped), now: time, random: 1)
            }
            _ = test.state.replaceLostReplicas(now: time)
        }
        let other = Set(Self.nodes).subtracting([Self.nodes[0], Self.nodes[1], Self.nodes[2], learner])
        #expect(test.state.map.learners[PartitionID(2)].map(Set.init) == other)
    }

    @Test func aProposalOfAWithdrawnLearnerIsDecidedToo() {
        var test = self
        test.propose(Self.configuration(5, Self.nodes[0], Self.nodes[1]))
        let late = Self.configuration(6, Self.nodes[0], Self.nodes[1], Self.nodes[4])
        test.propose(late)
        #expect(test.current == Self.configuration(6, Self.nodes[0], Self.nodes[1]))
        test.propose(late)
        #expect(test.current.epoch == 6)
    }
}

/// `#expect` for expressions that change what they look at, which the macro cannot capture.
private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
