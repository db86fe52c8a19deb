import Coordinator
import Messages
import Model
import Placement
import Testing

/// What the coordinator does only because an operator wants it.
@Suite struct OperatorTests {
    private static let partition = PartitionID(0)
    private static let nodes = (1...4).map { NodeID($0) }

    private static func member(_ id: NodeID, port: Int = 1) -> Member {
        Member(id: id, name: "node\(id.rawValue)", host: "127.0.0.1", port: port, beaconPort: 2)
    }

    private static func map(epoch: UInt64 = 4, members: [NodeID]) -> PartitionMap {
        PartitionMap(
            clusterID: 7,
            version: 20,
            replicationFactor: 3,
            members: nodes.map { member($0) },
            configurations: [
                PartitionMap.Configuration(
                    epoch: epoch,
                    primary: members.first,
                    secondaries: Array(members.dropFirst())
                )
            ]
        )
    }

    /// Nodes 1 to 3 are members, and some nodes have been heard of for long enough.
    private static func state(living: [Int]) -> CoordinatorState {
        var state = CoordinatorState(map: map(members: Array(nodes.prefix(3))))
        _ = state.replaceLostReplicas(now: 0)
        for number in living {
            _ = state.handle(.beat(member(nodes[number - 1]), .well), now: 5_000, random: 1)
        }
        return state
    }

    private static func force(_ number: Int, _ state: inout CoordinatorState) -> Refusal? {
        let epoch = state.map.configurations[0].epoch
        let effects = state.handle(.force(partition, epoch: epoch, nodes[number - 1]), now: 5_000, random: 1)
        if case .answer(.refused(let refusal)) = effects.first { return refusal }
        return nil
    }

    @Test func theLastMemberLeadsAlone() {
        var state = Self.state(living: [3, 4])
        #expect(Self.force(3, &state) == nil)
        let forced = PartitionMap.Configuration(epoch: 5, primary: Self.nodes[2], secondaries: [])
        #expect(state.map.configurations == [forced] && state.map.version == 21)
        // Once is enough.
        #expect(Self.force(3, &state)?.message.contains("is led by node3") == true)
    }

    @Test func aStrangerLeadsOnlyWhereNoMemberIsLeft() {
        var state = Self.state(living: [3, 4])
        #expect(Self.force(4, &state)?.message.contains("node3 is a member") == true)
        state = Self.state(living: [4])
        #expect(Self.force(4, &state) == nil)
        #expect(state.map.primary(of: Self.partition) == Self.nodes[3])
    }

    @Test func whoHasLostEntriesIsAMemberInNameOnly() {
        var state = Self.state(living: [2, 3, 4])
        _ = state.handle(.beat(Self.member(Self.nodes[2]), .well(butLost: [Self.partition])), now: 5_000, random: 1)
        #expect(Self.force(3, &state)?.message.contains("node3 has lost entries of it") == true)
        #expect(Self.force(2, &state) == nil)
        #expect(state.map.configurations[0].replicas == [Self.nodes[1]])
        // Where nobody else is left, who was a member once may have more.
        state = Self.state(living: [3, 4])
        _ = state.handle(.beat(Self.member(Self.nodes[2]), .well(butLost: [Self.partition])), now: 5_000, random: 1)
        #expect(Self.force(4, &state) == nil)
    }

    @Test func whatHasEnoughReplicasIsNotForced() {
        var state = Self.state(living: [2, 3])
        #expect(Self.force(3, &state)?.message.contains("enough replicas") == true)
        #expect(state.map.configurations[0].epoch == 4)
    }

    @Test func aMemberThatIsHeardOfIsNotPassedOver() {
        var state = Self.state(living: [4])
        _ = state.handle(.beat(Self.member(Self.nodes[1]), .unwell), now: 5_000, random: 1)
        #expect(Self.force(4, &state)?.message.contains("node2 is a member, is heard of") == true)
    }

    @Test func whatHasChangedMeanwhileIsNotForced() {
        var state = Self.state(living: [3, 4])
        let effects = state.handle(.force(Self.partition, epoch: 3, Self.nodes[2]), now: 5_000, random: 1)
        guard case .answer(.refused(let refusal)) = effects.first else {
            Issue.record("an old epoch was taken")
            return
        }
        #expect(refusal.message.contains("epoch 4"))
    }

    @Test func nobodyIsForcedBeforeItIsKnownWhoIsThere() {
        var state = CoordinatorState(map: Self.map(members: Array(Self.nodes.prefix(3))))
        _ = state.handle(.beat(Self.member(Self.nodes[2]), .well), now: 5_000, random: 1)
        #expect(Self.force(3, &state)?.code.isRetryable == true)
        var silent = Self.state(living: [3])
        #expect(Self.force(2, &silent)?.code.isRetryable == true)
    }

    @Test func aLostMapIsTakenOnce() {
        var state = CoordinatorState(map: PartitionMap())
        _ = state.handle(.beat(Self.member(Self.nodes[0], port: 99), .well), now: 0, random: 1)
        let remembered = Self.map(members: Array(Self.nodes.prefix(3)))
        let effects = state.handle(.restore(remembered), now: 0, random: 1)
        #expect(effects == [.store(state.map), .answer(.map(state.map))])
        #expect(state.map.configurations == remembered.configurations && state.map.clusterID == 7)
        // Everybody takes it for newer, and nodes are where they say now.
        #expect(state.map.version == 21 && state.map.member(Self.nodes[0])?.port == 99)
        guard case .answer(.refused) = state.handle(.restore(remembered), now: 0, random: 1).first else {
            Issue.record("a map was replaced")
            return
        }
    }

    @Test func anOldMapOfTheClusterIsReplacedByANewerOne() {
        var old = Self.map(epoch: 2, members: Array(Self.nodes.prefix(3)))
        old.version = 5
        var state = CoordinatorState(map: old)
        _ = state.handle(.restore(Self.map(epoch: 4, members: Array(Self.nodes.prefix(2)))), now: 0, random: 1)
        #expect(state.map.configurations[0].epoch == 4 && state.map.version == 21)
        var other = Self.map(epoch: 9, members: Array(Self.nodes.prefix(2)))
        (other.clusterID, other.version) = (8, 99)
        guard case .answer(.refused) = state.handle(.restore(other), now: 0, random: 1).first else {
            Issue.record("another cluster's map was taken")
            return
        }
    }

    @Test func whatIsNoMapIsNotTaken() {
        var state = CoordinatorState(map: PartitionMap())
        var twice = Self.map(members: [Self.nodes[0], Self.nodes[0]])
        var large = Self.map(members: [Self.nodes[0]])
        large.replicationFactor = 64
        twice.replicationFactor = 3
        // Two entries for one node: whoever looked it up later would not know which.
        var repeated = Self.map(members: Array(Self.nodes[0..<3]))
        repeated.members.append(repeated.members[0])
        for wrong in [PartitionMap(), Self.map(members: []), twice, large, repeated] {
            guard case .answer(.refused) = state.handle(.restore(wrong), now: 0, random: 1).first else {
                Issue.record("\(wrong) was taken for a map")
                return
            }
        }
    }
}
