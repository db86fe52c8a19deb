internal import Model

/// A consistent-hash ring (Karger and others, 1997): each member stands at many points, as many as its weight, and a
/// partition prefers the members in the order in which it meets them going round from its own point.
struct HashRing {
    /// Points of a member of weight 100.
    private static let pointsPerHundredWeight = 128

    private let points: [(hash: UInt64, member: Int)]
    private let memberCount: Int

    init(_ members: [Member]) {
        var points: [(hash: UInt64, member: Int)] = []
        for (index, member) in members.enumerated() {
            let count = max(1, member.weight * HashRing.pointsPerHundredWeight / 100)
            for replica in 0..<UInt64(count) {
                points.append((StableHash.hash(member.id.rawValue ^ StableHash.hash(replica &+ 1)), index))
            }
        }
        points.sort { ($0.hash, $0.member) < ($1.hash, $1.member) }
        self.points = points
        memberCount = members.count
    }

    /// All members, the one that `partition` prefers most first.
    func preference(of partition: Int) -> [Int] {
        guard !points.isEmpty else { return [] }
        let hash = StableHash.hash(UInt64(partition) &+ 0x9e37_79b9_7f4a_7c15)
        var low = 0
        var high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle].hash < hash {
                low = middle + 1
            } else {
                high = middle
            }
        }
        var seen = [Bool](repeating: false, count: memberCount)
        var order: [Int] = []
        for step in 0..<points.count {
            let member = points[(low + step) % points.count].member
            guard !seen[member] else { continue }
            seen[member] = true
            order.append(member)
            if order.count == memberCount { break }
        }
        return order
    }
}
