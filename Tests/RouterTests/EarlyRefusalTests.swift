import Placement
import Router
import Testing

/// The share that is refused unseen, in front of nodes that take so much a turn.
@Suite struct EarlyRefusalTests {
    private struct Cluster {
        let nodes: [NodeID]
        var early = EarlyRefusal()
        /// Of the last turn.
        var lookedAt = 0
        var taken = 0

        init(nodes count: UInt64) {
            nodes = (1...count).map { NodeID($0) }
        }

        /// Offers so much a turn, evenly; each node takes what it can.
        mutating func run(turns: Int, offered: Int, capacities: [Int]) {
            for _ in 0..<turns {
                (lookedAt, taken) = (0, 0)
                var left = capacities
                for number in 0..<offered where !early.refusesNext() {
                    let node = number % nodes.count
                    lookedAt += 1
                    early.note(nodes[node], isTaken: left[node] > 0)
                    if left[node] > 0 { taken += 1 }
                    left[node] -= 1
                }
                early.turn()
            }
        }
    }

    @Test func whatIsFarTooMuchIsRefusedUnseenAndWhatCanBeServedIsServed() {
        var cluster = Cluster(nodes: 3)
        cluster.run(turns: 40, offered: 900, capacities: [100, 100, 100])
        #expect((320...420).contains(cluster.lookedAt), "\(cluster.lookedAt)")
        #expect(cluster.taken >= 290, "\(cluster.taken)")
        // With room again nothing is refused, at once.
        cluster.run(turns: 1, offered: 200, capacities: [100, 100, 100])
        cluster.run(turns: 1, offered: 200, capacities: [100, 100, 100])
        #expect(cluster.early.share == 0 && cluster.taken == 200)
    }

    @Test func oneNodeThatTakesEverythingDoesNotSufferWithTheOthers() {
        var cluster = Cluster(nodes: 3)
        cluster.run(turns: 40, offered: 900, capacities: [10, 10, 300])
        #expect(cluster.early.share == 0 && cluster.lookedAt == 900)
    }

    @Test func aLittleTooMuchIsLookedAt() {
        var cluster = Cluster(nodes: 3)
        cluster.run(turns: 40, offered: 330, capacities: [100, 100, 100])
        #expect(cluster.early.share == 0 && cluster.taken == 300)
    }

    @Test func nodesThatTakeNothingAreAskedNowAndThen() {
        var cluster = Cluster(nodes: 3)
        cluster.run(turns: 40, offered: 900, capacities: [0, 0, 0])
        #expect((40...50).contains(cluster.lookedAt), "\(cluster.lookedAt)")
    }
}
