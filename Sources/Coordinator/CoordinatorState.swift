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

    private struct Heard {
        var at: Milliseconds
        var health: NodeHealth
    }

    package private(set) var map: PartitionMap
    private var heard: [NodeID: Heard] = [:]

    package init(map: PartitionMap) {
        self.map = map
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
        old.name == new.name && map.partitions(of: old.id).isEmpty
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
        guard factor == 1 else {
            return refuse(.invalid("replication factor \(factor) is not supported yet, only 1"))
        }
        guard map.members.count >= max(1, nodes) else {
            return refuse(.unavailable("\(map.members.count) of \(max(1, nodes)) nodes have registered"))
        }
        let placement = Placement(partitionCount: partitions, replicas: factor, members: map.members)
        map.clusterID = max(1, clusterID)
        map.replicationFactor = factor
        map.configurations = placement.target(from: []).map { nodes in
            PartitionMap.Configuration(epoch: 1, primary: nodes.first, secondaries: Array(nodes.dropFirst()))
        }
        map.version += 1
        return [.store(map), .answer(.map(map))]
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
