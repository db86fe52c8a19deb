package import Placement

/// Which share of all commands is refused before anybody looks at them, because every node that is asked has to refuse some.
///
/// To find out where a command goes, only to refuse it there, costs a router as much as to serve it: under three times what a cluster can
/// serve it would do hardly anything else. So what exceeds what nodes take by more than a margin is refused unseen; the margin goes on to be
/// looked at, and says when there is room again (adaptive throttling: Beyer et al., Site Reliability Engineering, 2016, chapter 21).
/// Where one node takes all that it is asked, nothing is refused unseen: it must not suffer with the others.
///
/// Pure: it is told the time in turns.
package struct EarlyRefusal: Sendable {
    private struct Load: Sendable {
        /// Smoothed, in commands a turn.
        var asked = 0.0
        var taken = 0.0
        /// Since the last turn.
        var newlyAsked = 0
        var newlyTaken = 0
    }

    private static let margin = 1.25
    /// How much the newest turn counts.
    private static let weight = 0.2

    private var loads: [NodeID: Load] = [:]
    /// Since the last turn.
    private var arrived = 0
    private var refused = 0
    /// What rounding owes: refusals are spread evenly, not drawn.
    private var owed = 0.0
    /// Of all commands; below 1.
    package private(set) var share = 0.0

    package init() {}

    /// A command has come.
    ///
    /// - Returns: whether it is to be refused unseen.
    package mutating func refusesNext() -> Bool {
        arrived += 1
        owed += share
        guard owed >= 1 else { return false }
        owed -= 1
        refused += 1
        return true
    }

    /// A command for a node has been looked at.
    package mutating func note(_ node: NodeID, isTaken: Bool) {
        loads[node, default: Load()].newlyAsked += 1
        if isTaken { loads[node]?.newlyTaken += 1 }
    }

    /// To be called every so often, as long as commands come.
    package mutating func turn() {
        // What was refused unseen would have gone to the nodes as the rest has.
        let scale = Double(arrived) / Double(max(1, arrived - refused))
        var least: Double?
        for (node, load) in loads {
            var load = load
            load.asked += (Double(load.newlyAsked) * scale - load.asked) * EarlyRefusal.weight
            load.taken += (Double(load.newlyTaken) - load.taken) * EarlyRefusal.weight
            if load.newlyAsked > 0 {
                let excess = 1 - EarlyRefusal.margin * load.taken / max(1, load.asked)
                least = min(least ?? 1, load.newlyTaken < load.newlyAsked ? max(0, excess) : 0)
            }
            load.newlyAsked = 0
            load.newlyTaken = 0
            loads[node] = load.asked < 0.01 ? nil : load
        }
        share = min(0.95, least ?? 0)
        if share == 0 { owed = 0 }
        arrived = 0
        refused = 0
    }
}
