import Model
import Placement
import Randomness
import Testing

@Suite struct LeaderBalanceTests {
    private static func map(_ configurations: [[Int]], weights: [Int]) -> PartitionMap {
        PartitionMap(
            members: weights.enumerated().map { index, weight in
                Member(
                    id: NodeID(UInt64(index + 1)),
                    name: "node\(index + 1)",
                    host: "127.0.0.1",
                    port: 1,
                    beaconPort: 2,
                    weight: weight
                )
            },
            configurations: configurations.map { nodes in
                let nodes = nodes.map { NodeID(UInt64($0)) }
                return PartitionMap.Configuration(epoch: 1, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
            }
        )
    }

    private static func cost(_ counts: [Int], _ weights: [Int]) -> Double {
        zip(counts, weights).reduce(0) { $0 + Double($1.0 * $1.0) / Double($1.1) }
    }

    @Test func whoWasRestartedLastLeadsAgain() {
        let balance = LeaderBalance(
            Self.map([[1, 2, 3], [1, 3, 2], [2, 1, 3], [2, 3, 1], [1, 2, 3], [2, 1, 3]], weights: [1, 1, 1])
        )
        #expect(balance.leads == [NodeID(1): 2, NodeID(2): 2, NodeID(3): 2])
        #expect(balance.handovers.count == 2)
        #expect(balance.handovers.allSatisfy { $0.successor == NodeID(3) })
    }

    /// Node 1 has nothing in common with node 3.
    @Test func aNodeInBetweenHandsOn() {
        let balance = LeaderBalance(Self.map([[1, 2], [1, 2], [2, 3], [2, 3], [1, 2]], weights: [1, 1, 1]))
        #expect(balance.leads.values.max() == 2)
        #expect(balance.leads[NodeID(3)] ?? 0 >= 1)
    }

    @Test func aHeavierNodeLeadsMore() {
        let balance = LeaderBalance(Self.map([[Int]](repeating: [1, 2], count: 9), weights: [1, 2]))
        #expect(balance.leads == [NodeID(1): 3, NodeID(2): 6])
    }

    @Test func whoIsNotReadyIsGivenNothing() {
        let map = Self.map([[1, 2, 3], [1, 2, 3], [1, 2, 3], [1, 2, 3]], weights: [1, 1, 1])
        let leads = LeaderBalance(map) { $0 != NodeID(3) }.leads
        #expect(leads == [NodeID(1): 2, NodeID(2): 2])
    }

    @Test func nothingIsHandedOverWhereNothingIsGained() {
        #expect(LeaderBalance(Self.map([[1, 2], [2, 1], [1, 2]], weights: [1, 1])).handovers.isEmpty)
        #expect(LeaderBalance(Self.map([[1], [1], [1]], weights: [1, 1])).handovers.isEmpty)
        #expect(LeaderBalance(PartitionMap()).handovers.isEmpty)
    }

    @Test func aLargeClusterIsBalanced() {
        var random = SeededGenerator(seed: 3)
        // Whoever has a lower number leads.
        let configurations = (0..<1_024).map { _ in Array((1...100).shuffled(using: &random).prefix(3).sorted()) }
        let leads = LeaderBalance(Self.map(configurations, weights: [Int](repeating: 100, count: 100))).leads
        #expect(leads.values.min() == 10 && leads.values.max() == 11, "\(leads)")
    }

    /// All ways to choose leaders, for small maps.
    @Test func nothingIsBetterThanWhatIsFound() {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("leader balance: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<200 {
            let weights = (0..<Int.random(in: 2...5, using: &random)).map { _ in Int.random(in: 1...3, using: &random) }
            let configurations = (0..<Int.random(in: 1...7, using: &random)).map { _ in
                Array((1...weights.count).shuffled(using: &random).prefix(Int.random(in: 1...3, using: &random)))
            }
            let map = Self.map(configurations, weights: weights)
            let balance = LeaderBalance(map)
            var leaders = map.configurations.map(\.primary)
            for handover in balance.handovers {
                let partition = Int(handover.partition.rawValue)
                #expect(map.configurations[partition].secondaries.contains(handover.successor), "seed \(seed)")
                leaders[partition] = handover.successor
            }
            let counts = (1...weights.count).map { node in leaders.count { $0 == NodeID(UInt64(node)) } }
            #expect(balance.leads.allSatisfy { counts[Int($0.key.rawValue) - 1] == $0.value }, "seed \(seed)")
            var best = Double.infinity
            func choose(_ partition: Int, _ counts: [Int]) {
                guard partition < configurations.count else {
                    best = min(best, Self.cost(counts, weights))
                    return
                }
                for node in configurations[partition] {
                    var counts = counts
                    counts[node - 1] += 1
                    choose(partition + 1, counts)
                }
            }
            choose(0, [Int](repeating: 0, count: weights.count))
            #expect(abs(Self.cost(counts, weights) - best) < 1e-9, "seed \(seed): \(configurations) \(weights)")
        }
    }
}
