package import NIOCore
package import Placement

/// When a courier may send to which node: one request to a node at a time, at once where somebody waits for it or the node was sent
/// nothing for a while, and otherwise in rounds.
package struct CourierLanes: Sendable {
    /// A node that was sent nothing for so long is sent the next letter at once.
    package static let silence = TimeAmount.milliseconds(100)

    /// The way to one node.
    private struct Lane {
        var isBusy = false
        var lastSent: NIODeadline?
        /// Whether it is to be sent what there is as soon as it has answered: not all went into one request, or a round went by.
        var isOverdue = false
    }

    private var lanes: [NodeID: Lane] = [:]

    package init() {}

    /// Whether a node has answered what it was sent.
    package func isFree(_ node: NodeID) -> Bool { !(lanes[node]?.isBusy ?? false) }

    /// Whether a node that is free is sent what nobody waits for now, and not in the next round.
    package func isOpen(_ node: NodeID, at now: NIODeadline) -> Bool {
        guard let lane = lanes[node], !lane.isOverdue, let lastSent = lane.lastSent else { return true }
        return lastSent + CourierLanes.silence <= now
    }

    /// - Parameter isFull: whether there is more for the node than fits into one request.
    package mutating func noteSent(_ node: NodeID, isFull: Bool, at now: NIODeadline) {
        lanes[node] = Lane(isBusy: true, lastSent: now, isOverdue: isFull)
    }

    package mutating func noteAnswered(_ node: NodeID) {
        lanes[node]?.isBusy = false
    }

    /// A round has come: nodes that it finds busy do not wait for the next one.
    package mutating func noteRound() {
        for index in lanes.values.indices where lanes.values[index].isBusy {
            lanes.values[index].isOverdue = true
        }
    }

    /// Nodes that are free were sent all that there was for them: what comes now waits for a round.
    package mutating func noteNothingLeft() {
        for index in lanes.values.indices where !lanes.values[index].isBusy {
            lanes.values[index].isOverdue = false
        }
    }
}
