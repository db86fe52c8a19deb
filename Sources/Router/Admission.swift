internal import Model
internal import NIOCore
internal import Placement

/// Decides for each command whether the node that it goes to has room for it. Confined to its event loop.
final class Admission {
    private static let turn = TimeAmount.milliseconds(50)

    private let eventLoop: any EventLoop
    private let largest: Int
    private let target: TimeAmount
    private var limits: [NodeID: ConcurrencyLimit] = [:]
    private var refusals: [NodeID: Refusal] = [:]
    private var isTurning = false

    init(eventLoop: any EventLoop, largest: Int, target: TimeAmount) {
        self.eventLoop = eventLoop
        self.largest = largest
        self.target = target
    }

    /// - Returns: a refusal where the node has too much under way; if nil, `end` is to be called.
    func begin(_ node: NodeID) -> Refusal? {
        scheduleTurn()
        let isTaken = limits[
            node,
            default: ConcurrencyLimit(largest: largest, targetNanoseconds: target.nanoseconds)
        ].begin()
        guard !isTaken else { return nil }
        // One text for all: many may wait to be sent.
        let refusal = refusals[node] ?? .busy("node \(node) has too many commands under way")
        refusals[node] = refusal
        return refusal
    }

    func end(_ node: NodeID, began: NIODeadline) {
        limits[node]?.end(after: (NIODeadline.now() - began).nanoseconds)
    }

    /// How many commands may be under way to each node at the moment.
    var current: [NodeID: Int] { limits.mapValues(\.limit) }

    private func scheduleTurn() {
        guard !isTurning else { return }
        isTurning = true
        let began = NIODeadline.now()
        eventLoop.assumeIsolated().scheduleTask(in: Admission.turn) {
            self.isTurning = false
            // A loop that is busy turns later than asked.
            let elapsed = (NIODeadline.now() - began).nanoseconds
            for node in self.limits.keys {
                self.limits[node]?.turn(after: elapsed)
            }
            if !self.limits.values.allSatisfy(\.isAtRest) { self.scheduleTurn() }
        }
    }
}
