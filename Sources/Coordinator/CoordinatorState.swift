package import Messages
package import Model
package import Placement

/// The coordinator's decisions: a pure state machine over the map and what nodes say.
package struct CoordinatorState {
    /// What a request leads to.
    package enum Effect: Equatable {
        /// The map changed: store it before anything is answered, then tell those who wait for it.
        case store(PartitionMap)
        case answer(CoordinatorReply)
        /// Answer when the map is newer than this.
        case answerWhenNewer(UInt64)
    }

    /// When lost replicas are replaced.
    package struct Replacement: Hashable, Sendable {
        /// A node that has said nothing for so long, or is not ready, counts as lost and is sent no new replicas.
        package var silence: Milliseconds = 3_000
        /// How long a partition may lack a replica before another node is chosen: a restart is cheaper than a copy.
        package var patience: Milliseconds = 10_000
        /// The same where a node is back that was a member lately: it lacks little. Twice as long each time that it was.
        package var patienceWithReturning: Milliseconds = 1_000
        /// Partitions that are copied at the same time.
        package var largestMoves = 4
        /// A learner that is none the wiser after so long holds no other partition up: its primary may not reach it.
        package var patienceWithLearners: Milliseconds = 600_000

        package init() {}
    }

    /// More copies than anybody needs; each is a sync that every write waits for.
    private static let largestFactor = 7

    private struct LeftReplica {
        let at: Milliseconds
        /// Twice as long as the last time, where that was not long ago.
        let patience: Milliseconds
    }

    private struct Learning {
        let nodes: [NodeID]
        let since: Milliseconds
    }

    private struct Heard {
        var at: Milliseconds
        var health: NodeHealth
    }

    package private(set) var map: PartitionMap
    private let replacement: Replacement
    private var heard: [NodeID: Heard] = [:]
    private var learning: [PartitionID: Learning] = [:]
    /// Since when this coordinator has looked for lost replicas.
    private var watchingSince: Milliseconds?
    /// Members that were left out lately, by partition and node.
    private var left: [Int: [NodeID: LeftReplica]] = [:]
    /// By partition, since when it has lacked a replica.
    private var shortSince: [Int: Milliseconds] = [:]

    package init(map: PartitionMap, replacement: Replacement = Replacement()) {
        self.map = map
        self.replacement = replacement
    }

    /// - Parameters:
    ///   - now: a clock that never steps back, in milliseconds.
    ///   - random: for the id of a cluster that is being created.
    package mutating func handle(
        _ request: CoordinatorRequest,
        now: Milliseconds,
        random: UInt64
    ) -> [Effect] {
        switch request {
        case .beat(let member, let health): beat(member, health, now: now)
        case .map(let version):
            version < map.version ? [.answer(.map(map))] : [.answerWhenNewer(version)]
        case .initialize(let partitions, let factor, let nodes):
            initialize(partitions: partitions, factor: factor, nodes: nodes, clusterID: random)
        case .health: [.answer(.health(statuses(now: now)))]
        case .addLearner(let partition, let node): addLearner(node, to: partition, now: now)
        case .propose(let partition, let configuration): propose(configuration, for: partition, now: now)
        case .force(let partition, let epoch, let node): force(node, to: partition, ending: epoch, now: now)
        case .restore(let remembered): restore(remembered)
        }
    }

    private mutating func beat(_ member: Member, _ health: NodeHealth, now: Milliseconds) -> [Effect] {
        heard[member.id] = Heard(at: now, health: health)
        var effects: [Effect] = []
        if map.member(member.id) != member {
            let others = map.members.filter { $0.id != member.id && !isReplaceable($0, by: member) }
            map.members = (others + [member]).sorted { ($0.name, $0.id) < ($1.name, $1.id) }
            map.version += 1
            effects.append(.store(map))
        }
        return effects + [.answer(.beaten(mapVersion: map.version))]
    }

    /// A member of the same name that holds nothing was the same node before its data was lost.
    private func isReplaceable(_ old: Member, by new: Member) -> Bool {
        old.name == new.name && !map.configurations.contains { $0.replicas.contains(old.id) }
            && !map.learners.values.contains { $0.contains(old.id) }
    }

    // MARK: Configurations

    /// Compare and swap: of all that is proposed to end an epoch, the first wins. Asking twice changes nothing more.
    private mutating func propose(
        _ next: PartitionMap.Configuration,
        for partition: PartitionID,
        now: Milliseconds
    ) -> [Effect] {
        let index = Int(partition.rawValue)
        guard index < map.configurations.count else {
            return refuse(.invalid("there is no partition \(partition)"))
        }
        let current = map.configurations[index]
        guard next.epoch == current.epoch + 1 else { return [.answer(.map(map))] }
        let learners = map.learners[partition] ?? []
        // Only a member has every acknowledged write.
        guard let primary = next.primary, current.replicas.contains(primary),
            Set(next.replicas).count == next.replicas.count
        else {
            return refuse(.invalid("partition \(partition) cannot go from \(current) to \(next)"))
        }
        let least = min(minimumReplicas, current.replicas.count)
        guard next.replicas.count >= least else {
            return refuse(.invalid("partition \(partition) must keep \(least) replicas"))
        }
        if next.secondaries.allSatisfy({ current.replicas.contains($0) || learners.contains($0) }) {
            return change(partition, to: next, now: now)
        }
        // A learner that was withdrawn meanwhile. The epoch ends all the same: its primary has to know that this is
        // decided, and that no repetition of it can be granted later.
        let same = PartitionMap.Configuration(
            epoch: next.epoch,
            primary: current.primary,
            secondaries: current.secondaries
        )
        return change(partition, to: same, now: now)
    }

    private mutating func change(
        _ partition: PartitionID,
        to next: PartitionMap.Configuration,
        now: Milliseconds
    ) -> [Effect] {
        let index = Int(partition.rawValue)
        let left = map.configurations[index].replicas.filter { !next.replicas.contains($0) }
        map.configurations[index] = next
        let learners = (map.learners[partition] ?? []).filter { !next.replicas.contains($0) }
        map.learners[partition] = learners.isEmpty ? nil : learners
        // Where enough are left, somebody else has its place.
        if next.replicas.count < map.replicationFactor {
            for node in left {
                noteLeft(node, index, now: now)
            }
        }
        map.version += 1
        return [.store(map), .answer(.map(map))]
    }

    /// Whatever is not enough by the rules: a node leads, with whoever else of the members is there. A member has everything that
    /// was acknowledged, and what it acknowledges next is lost with it; a node that is no member lacks what was acknowledged
    /// since it was one, and may lead only where no member is heard of.
    private mutating func force(
        _ node: NodeID,
        to partition: PartitionID,
        ending epoch: UInt64,
        now: Milliseconds
    ) -> [Effect] {
        guard let current = map.configuration(of: partition) else {
            return refuse(.invalid("there is no partition \(partition)"))
        }
        guard map.replicationFactor > 1 else {
            return refuse(.invalid("a partition with one replica has no other that could lead it"))
        }
        guard let began = watchingSince, now >= began + replacement.silence else {
            return refuse(.unavailable("the coordinator has just started, and does not know who is there"))
        }
        guard let member = map.member(node), isAlive(member, now: now) else {
            return refuse(.unavailable("node \(node) is not there or not ready"))
        }
        guard current.epoch == epoch else {
            return refuse(.invalid("partition \(partition) has changed: it is in epoch \(current.epoch)"))
        }
        guard !hasLost(partition, node) else {
            return refuse(
                .invalid(
                    "partition \(partition): \(member.name) has lost entries of it; whoever has more of it can be forced, or "
                        + "\(member.name) when the partition is taken out of its file LOST, and they are lost"
                )
            )
        }
        // Who has lost entries is a member in name only.
        let whole = current.replicas.filter { !hasLost(partition, $0) }
        let living = whole.filter { id in map.member(id).map { isAlive($0, now: now) } ?? false }
        guard living.count < minimumReplicas else {
            return refuse(.invalid("partition \(partition) has enough replicas without that: \(names(living))"))
        }
        let known = whole.filter { isHeard($0, now: now) }
        guard current.replicas.contains(node) || known.isEmpty else {
            return refuse(
                .invalid(
                    "partition \(partition): \(names(known)) is a member, is heard of, and has more than \(member.name)"
                )
            )
        }
        guard current.primary != node || living != current.replicas else {
            return refuse(.invalid("partition \(partition) is led by \(member.name), without anybody who is away"))
        }
        let others = living.filter { $0 != node }
        return change(partition, to: current.next([node] + others), now: now)
    }

    private func names(_ nodes: [NodeID]) -> String {
        nodes.map { map.member($0)?.name ?? $0.description }.joined(separator: ", ")
    }

    private mutating func addLearner(_ node: NodeID, to partition: PartitionID, now: Milliseconds) -> [Effect] {
        let index = Int(partition.rawValue)
        guard index < map.configurations.count else {
            return refuse(.invalid("there is no partition \(partition)"))
        }
        guard map.replicationFactor > 1 else {
            return refuse(
                .invalid("partitions with one replica cannot be moved: dump the cluster and load another one")
            )
        }
        guard let member = map.member(node), isAlive(member, now: now) else {
            return refuse(.unavailable("node \(node) is not there or not ready"))
        }
        let learners = map.learners[partition] ?? []
        guard !map.configurations[index].replicas.contains(node), !learners.contains(node) else {
            return [.answer(.map(map))]
        }
        map.learners[partition] = learners + [node]
        map.version += 1
        return [.store(map), .answer(.map(map))]
    }

    private func isAlive(_ member: Member, now: Milliseconds) -> Bool {
        isHeard(member.id, now: now) && heard[member.id]?.health.isReady == true
    }

    private func hasLost(_ partition: PartitionID, _ node: NodeID) -> Bool {
        heard[node]?.health.lostPartitions.contains(partition) == true
    }

    private func hasStopped(_ partition: PartitionID, _ node: NodeID) -> Bool {
        heard[node]?.health.stoppedPartitions.contains(partition) == true
    }

    /// Whether a partition can count on a node, of those that are there.
    private func canServe(_ partition: PartitionID, _ node: NodeID, _ living: Set<NodeID>) -> Bool {
        living.contains(node) && !hasStopped(partition, node)
    }

    /// Whether a node has said anything lately, well or not.
    private func isHeard(_ node: NodeID, now: Milliseconds) -> Bool {
        heard[node].map { now <= $0.at + replacement.silence } ?? false
    }

    private mutating func noteLeft(_ node: NodeID, _ partition: Int, now: Milliseconds) {
        var patience = replacement.patienceWithReturning
        if let before = left[partition]?[node], now < before.at + 6 * replacement.patience {
            patience = min(before.patience * 2, replacement.patience)
        }
        left[partition] = left[partition]?.filter { now < $0.value.at + 6 * replacement.patience }
        left[partition, default: [:]][node] = LeftReplica(at: now, patience: patience)
    }

    /// Fewer could lose what was acknowledged with them: a majority of the replication factor.
    private var minimumReplicas: Int { map.replicationFactor / 2 + 1 }

    /// Finds new nodes for partitions that have lacked a replica for a while, a few at a time, and forgets learners that
    /// are gone. To be called now and then.
    package mutating func replaceLostReplicas(now: Milliseconds) -> [Effect] {
        // What one replica has nobody else can be taught.
        guard map.replicationFactor > 1 else { return [] }
        // Nobody has had the time to be heard of.
        let began = watchingSince ?? now
        watchingSince = began
        guard now >= began + replacement.silence else { return [] }
        let alive = map.members.filter { isAlive($0, now: now) }
        let before = map.learners
        let living = Set(alive.map(\.id))
        map.learners = map.learners.reduce(into: [:]) { result, element in
            let left = element.value.filter { canServe(element.key, $0, living) }
            result[element.key] = left.isEmpty ? nil : left
        }
        noteLearning(now: now)
        let short = map.configurations.indices.filter { index in
            let partition = PartitionID(UInt16(index))
            let there = map.configurations[index].replicas.count { canServe(partition, $0, living) }
            return there < min(map.replicationFactor, alive.count)
        }
        shortSince = shortSince.filter { short.contains($0.key) }
        for partition in short where shortSince[partition] == nil {
            shortSince[partition] = now
        }
        takeBack(short, living, now: now)
        assignLearners(to: short.filter { now >= (shortSince[$0] ?? now) + replacement.patience }, alive, now: now)
        guard map.learners != before else { return [] }
        map.version += 1
        return [.store(map)]
    }

    /// Since when partitions have the learners that they have.
    private mutating func noteLearning(now: Milliseconds) {
        learning = map.learners.reduce(into: [:]) { result, element in
            let known = learning[element.key]
            result[element.key] = known?.nodes == element.value ? known : Learning(nodes: element.value, since: now)
        }
    }

    /// Learners of partitions that nobody leads wait, and hold nobody else up; nor do those that have had their time.
    private func movesUnderWay(_ living: Set<NodeID>, now: Milliseconds) -> Int {
        map.learners.keys.count { partition in
            let isOld = learning[partition].map { now >= $0.since + replacement.patienceWithLearners } ?? false
            return !isOld && (map.primary(of: partition).map(living.contains) ?? false)
        }
    }

    /// Nodes that were members lately, and are back, become learners soon.
    private mutating func takeBack(_ partitions: [Int], _ living: Set<NodeID>, now: Milliseconds) {
        for partition in partitions where movesUnderWay(living, now: now) < replacement.largestMoves {
            let id = PartitionID(UInt16(partition))
            let returned = (left[partition] ?? [:]).filter { node, left in
                canServe(id, node, living) && now >= left.at + left.patience
                    && !map.configurations[partition].replicas.contains(node)
            }
            guard map.learners[id] == nil, let node = returned.max(by: { $0.value.at < $1.value.at })?.key else {
                continue
            }
            map.learners[id] = [node]
        }
    }

    private mutating func assignLearners(to partitions: [Int], _ alive: [Member], now: Milliseconds) {
        guard !partitions.isEmpty else { return }
        let target = target(amongst: alive)
        let living = Set(alive.map(\.id))
        for partition in partitions where movesUnderWay(living, now: now) < replacement.largestMoves {
            let id = PartitionID(UInt16(partition))
            let present = map.configurations[partition].replicas
            let able = alive.filter { !hasStopped(id, $0.id) }
            let places = able.count < alive.count ? self.target(amongst: able) : target
            guard map.learners[id] == nil, let node = places[partition].first(where: { !present.contains($0) }) else {
                continue
            }
            map.learners[id] = [node]
        }
    }

    private func target(amongst members: [Member]) -> [[NodeID]] {
        Placement(partitionCount: map.configurations.count, replicas: map.replicationFactor, members: members)
            .target(from: map.configurations.map(\.replicas))
    }

    private mutating func initialize(partitions: Int, factor: Int, nodes: Int, clusterID: UInt64) -> [Effect] {
        guard PartitionLayout(count: partitions) != nil else {
            return refuse(.invalid("partition count \(partitions) is not a power of two from 1 to 1024"))
        }
        if let layout = map.layout {
            return layout.count == partitions && map.replicationFactor == factor
                ? [.answer(.map(map))]
                : refuse(
                    .exists(
                        "the cluster has \(layout.count) partitions and replication factor \(map.replicationFactor); "
                            + "both are fixed"
                    )
                )
        }
        guard (1...CoordinatorState.largestFactor).contains(factor) else {
            return refuse(
                .invalid("replication factor \(factor) is not from 1 to \(CoordinatorState.largestFactor)")
            )
        }
        let least = max(1, nodes, factor)
        guard map.members.count >= least else {
            return refuse(.unavailable("\(map.members.count) of \(least) nodes have registered"))
        }
        let placement = Placement(partitionCount: partitions, replicas: factor, members: map.members)
        map.clusterID = max(1, clusterID)
        map.replicationFactor = factor
        map.configurations = placement.target(from: []).map { nodes in
            PartitionMap.Configuration(epoch: 1, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
        }
        // Places are even, and who comes first in them is chance.
        for handover in LeaderBalance(map).handovers {
            let index = Int(handover.partition.rawValue)
            let others = map.configurations[index].replicas.filter { $0 != handover.successor }
            map.configurations[index] = .init(epoch: 1, primary: handover.successor, secondaries: others)
        }
        map.version += 1
        return [.store(map), .answer(.map(map))]
    }

    /// Takes what nodes remember in the place of nothing, or of an older map of the same cluster. The nodes' addresses are those
    /// that they have told since.
    private mutating func restore(_ remembered: PartitionMap) -> [Effect] {
        let isNewer = !map.hasLaterEpoch(than: remembered) && remembered.hasLaterEpoch(than: map)
        guard map.layout == nil || map.clusterID == remembered.clusterID && isNewer else {
            return refuse(.exists("the coordinator has a map of cluster \(map.clusterID) that is not older"))
        }
        guard remembered.layout != nil, remembered.clusterID != 0,
            (1...CoordinatorState.largestFactor).contains(remembered.replicationFactor),
            remembered.configurations.allSatisfy({ isConfiguration($0) }),
            Set(remembered.members.map(\.id)).count == remembered.members.count
        else {
            return refuse(.invalid("this is no map of a cluster"))
        }
        let registered = map.members
        let version = map.version
        map = remembered
        let others = remembered.members.filter { member in !registered.contains { $0.id == member.id } }
        map.members = (others + registered).sorted { ($0.name, $0.id) < ($1.name, $1.id) }
        map.version = max(version, remembered.version) + 1
        return [.store(map), .answer(.map(map))]
    }

    private func isConfiguration(_ configuration: PartitionMap.Configuration) -> Bool {
        configuration.primary != nil && Set(configuration.replicas).count == configuration.replicas.count
    }

    private func refuse(_ refusal: Refusal) -> [Effect] { [.answer(.refused(refusal))] }

    private func statuses(now: Milliseconds) -> [NodeStatus] {
        map.members.map { member in
            let last = heard[member.id]
            return NodeStatus(
                node: member.id,
                silentMilliseconds: last.map { now - min($0.at, now) },
                health: last?.health
            )
        }
    }
}
