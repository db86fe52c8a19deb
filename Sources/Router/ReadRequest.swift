internal import Placement

/// Parts that one node is asked for. Confined to its event loop.
final class ReadRequest {
    let node: NodeID
    let reading: Reading
    /// In the order of the reply.
    let parts: [Int]
    /// Those whose results are taken from the reply: others are asked of somebody else meanwhile.
    var waiting: Set<Int>

    init(node: NodeID, reading: Reading, parts: [Int]) {
        self.node = node
        self.reading = reading
        self.parts = parts
        waiting = Set(parts)
    }

    func isWaiting(for part: Int) -> Bool { waiting.contains(part) }
}
