internal import Placement
internal import Randomness

/// Who can send packets.
enum Address: Hashable, Comparable, CustomStringConvertible {
    case node(NodeID)
    case coordinator
    case client(Int)

    var description: String {
        switch self {
        case .node(let id): "n\(id.rawValue)"
        case .coordinator: "coordinator"
        case .client(let number): "client\(number)"
        }
    }
}

/// Links that delay, lose, repeat and reorder packets, and that can be cut in one direction.
struct SimulatedNetwork {
    private struct Link: Hashable {
        let from: Address
        let to: Address
    }

    private static let longestRepetition: UInt64 = 6_000_000

    /// Whether what a link carries arrives in the order sent, as on one connection.
    var keepsOrder = false
    private var lastArrival: [Link: UInt64] = [:]
    /// How many faults cut a link.
    private var cuts: [Link: Int] = [:]
    /// Until when a link keeps its packets, which then come all together.
    private var heldUntil: [Link: UInt64] = [:]
    /// One packet in so many is lost, or comes twice; 0 for none.
    var lossInverse = 0
    var repeatInverse = 0
    /// The most that a packet takes, in microseconds.
    var longestDelay: UInt64 = 2_000

    /// Cuts what `from` sends to `to`.
    mutating func cut(from: Address, to: Address) { cuts[Link(from: from, to: to), default: 0] += 1 }

    /// Takes one such cut back: other faults' stay.
    mutating func join(from: Address, to: Address) {
        let link = Link(from: from, to: to)
        guard let count = cuts[link] else { return }
        cuts[link] = count > 1 ? count - 1 : nil
    }

    /// Keeps what `from` sends to `to`, as a connection does whose packets are lost and sent again.
    mutating func hold(from: Address, to: Address, until end: UInt64) {
        let link = Link(from: from, to: to)
        heldUntil[link] = max(heldUntil[link] ?? 0, end)
    }

    mutating func heal() {
        cuts = [:]
        heldUntil = [:]
        lossInverse = 0
        repeatInverse = 0
        longestDelay = 2_000
    }

    /// When copies of a packet arrive, in microseconds from now: none, one or two.
    mutating func delays(from: Address, to: Address, now: UInt64, using random: inout SeededGenerator) -> [UInt64] {
        guard cuts[Link(from: from, to: to)] == nil else { return [] }
        if lossInverse > 0, random.one(in: lossInverse) { return [] }
        let hold = max(heldUntil[Link(from: from, to: to)] ?? 0, now) - now
        var delay = hold + UInt64.random(in: 50...longestDelay, using: &random)
        if keepsOrder {
            let link = Link(from: from, to: to)
            delay = max(now + delay, (lastArrival[link] ?? 0) + 1) - now
            lastArrival[link] = now + delay
        }
        var delays = [delay]
        if repeatInverse > 0, random.one(in: repeatInverse) {
            // Long after, now and then: when the receiver has another part in another epoch.
            let longest = random.one(in: 4) ? SimulatedNetwork.longestRepetition : longestDelay * 4
            delays.append(UInt64.random(in: 50...longest, using: &random))
        }
        return delays
    }
}
