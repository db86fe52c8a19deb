internal import Model

/// Which members should hold the replicas of each partition.
///
/// A function of the replicas as they are and of the members: a plain bounded-load ring would move replicas between
/// old members when one is added. Replicas stay where they are; what is missing goes where the ring prefers, within
/// the bound; then members that have less than their share take replicas from those that have most above theirs,
/// each time the partition that prefers them most. So a new member takes its share and nothing else moves.
public struct Placement: Sendable {
    private let members: [Member]
    private let replicas: Int
    private let indexes: [NodeID: Int]
    private let preferences: [[Int]]
    /// How many replicas each member should have: its weight's share of all.
    private let shares: [Double]

    /// - Parameters:
    ///   - partitionCount: how many partitions there are.
    ///   - replicas: how many replicas each should have; fewer where there are fewer members.
    ///   - members: in any order; the result does not depend on it.
    public init(partitionCount: Int, replicas: Int, members: [Member]) {
        let sorted = members.sorted { $0.id < $1.id }
        self.members = sorted
        self.replicas = min(max(1, replicas), sorted.count)
        indexes = Dictionary(uniqueKeysWithValues: sorted.enumerated().map { ($1.id, $0) })
        let ring = HashRing(sorted)
        preferences = (0..<partitionCount).map { ring.preference(of: $0) }
        let weight = sorted.reduce(0) { $0 + $1.weight }
        let total = Double(partitionCount * self.replicas)
        shares = sorted.map { min(Double(partitionCount), total * Double($0.weight) / Double(max(1, weight))) }
    }

    /// The members of each partition, the primary first.
    ///
    /// - Parameter current: the members of each partition as they are, the primary first; those that are no longer
    ///   members are replaced.
    public func target(from current: [[NodeID]]) -> [[NodeID]] {
        guard !members.isEmpty else { return preferences.map { _ in [] } }
        var assignment = Assignment(memberCount: members.count)
        for (partition, nodes) in current.enumerated() where partition < preferences.count {
            for node in nodes.prefix(replicas) {
                if let member = indexes[node] { assignment.add(member, to: partition) }
            }
        }
        for partition in preferences.indices {
            while assignment.members(of: partition).count < replicas {
                assignment.add(choice(for: partition, assignment), to: partition)
            }
        }
        balance(&assignment)
        return preferences.indices.map { partition in assignment.members(of: partition).map { members[$0].id } }
    }

    /// The member that a partition lacking a replica prefers: of those in a zone of its own the first that has less
    /// than its whole share, else the first that has no more than its share, else the one furthest below it.
    private func choice(for partition: Int, _ assignment: Assignment) -> Int {
        let present = assignment.members(of: partition)
        let absent = preferences[partition].filter { !present.contains($0) }
        let fresh = absent.filter { isZoneFree($0, besides: present) }
        for bound in [FloatingPointRoundingRule.down, .up] {
            let within = fresh.first { Double(assignment.load($0) + 1) <= shares[$0].rounded(bound) }
            if let within { return within }
        }
        let candidates = fresh.isEmpty ? absent : fresh
        return candidates.min { excess($0, assignment) < excess($1, assignment) } ?? absent.first ?? 0
    }

    private func isZoneFree(_ member: Int, besides present: [Int]) -> Bool {
        members[member].zone.isEmpty || !present.contains { members[$0].zone == members[member].zone }
    }

    private func excess(_ member: Int, _ assignment: Assignment) -> Double {
        Double(assignment.load(member)) - shares[member]
    }

    /// Moves replicas to members that have a whole replica less than their share.
    private func balance(_ assignment: inout Assignment) {
        let limit = preferences.count * replicas
        for _ in 0..<limit {
            let poor = members.indices
                .filter { Double(assignment.load($0)) < shares[$0].rounded(.down) }
                .min { excess($0, assignment) < excess($1, assignment) }
            guard let poor, let move = bestMove(to: poor, assignment) else { return }
            assignment.replace(move.from, by: poor, in: move.partition)
        }
    }

    /// The replica that `poor` should take: from the member furthest above its share, the partition that prefers
    /// `poor` most.
    private func bestMove(to poor: Int, _ assignment: Assignment) -> (partition: Int, from: Int)? {
        let rich = members.indices
            .filter { excess($0, assignment) > excess(poor, assignment) + 1 }
            .sorted { (excess($1, assignment), $0) < (excess($0, assignment), $1) }
        for donor in rich {
            let candidates = preferences.indices.filter { partition in
                let present = assignment.members(of: partition)
                return present.contains(donor) && !present.contains(poor)
                    && isZoneFree(poor, besides: present.filter { $0 != donor })
            }
            let best = candidates.min { rank(of: poor, in: $0) < rank(of: poor, in: $1) }
            if let best { return (best, donor) }
        }
        return nil
    }

    private func rank(of member: Int, in partition: Int) -> Int {
        preferences[partition].firstIndex(of: member) ?? members.count
    }
}

/// Replicas while they are being placed.
private struct Assignment {
    private var byPartition: [Int: [Int]] = [:]
    private var loads: [Int]

    init(memberCount: Int) {
        loads = [Int](repeating: 0, count: memberCount)
    }

    func members(of partition: Int) -> [Int] { byPartition[partition] ?? [] }
    func load(_ member: Int) -> Int { loads[member] }

    mutating func add(_ member: Int, to partition: Int) {
        guard !members(of: partition).contains(member) else { return }
        byPartition[partition, default: []].append(member)
        loads[member] += 1
    }

    mutating func replace(_ old: Int, by new: Int, in partition: Int) {
        guard let position = byPartition[partition]?.firstIndex(of: old) else { return }
        byPartition[partition]?[position] = new
        loads[old] -= 1
        loads[new] += 1
    }
}
