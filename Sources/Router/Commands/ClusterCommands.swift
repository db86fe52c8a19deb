internal import Messages
internal import Model
internal import Placement
internal import Wire

/// `CLUSTER.*`
enum ClusterCommands {
    static let all: [CommandSpec] = [
        CommandSpec("CLUSTER.INFO", arity: 1, .cluster, "", "Describes the cluster") { _, _ in
            .cluster { view in
                let reachable = view.nodes?.filter { ($0.silentMilliseconds ?? .max) < 3_000 }
                let durabilities = Set((view.nodes ?? []).compactMap { $0.health?.durability }).sorted()
                let isOK =
                    view.map.layout != nil && reachable?.count == view.map.members.count
                    && (reachable ?? []).allSatisfy { $0.health?.isWell ?? false }
                return .map([
                    ("state", .bulk(view.map.layout == nil ? "uninitialized" : isOK ? "ok" : "degraded")),
                    ("id", .bulk(String(view.map.clusterID))),
                    ("mapVersion", Replies.number(view.map.version)),
                    ("partitions", Replies.number(view.map.configurations.count)),
                    ("replicationFactor", Replies.number(view.map.replicationFactor)),
                    ("durability", .bulk(durabilities.isEmpty ? "unknown" : durabilities.joined(separator: ","))),
                    ("nodes", Replies.number(view.map.members.count)),
                    ("reachableNodes", reachable.map { Replies.number($0.count) } ?? .null),
                    ("coordinator", .bulk(view.nodes == nil ? "unreachable" : "reachable")),
                ])
            }
        },
        CommandSpec("CLUSTER.NODES", arity: 1, .cluster, "", "Lists the nodes and how they do") { _, _ in
            .cluster { view in
                .array(
                    view.map.members.map { member in
                        node(member, view.nodes?.first { $0.node == member.id }, view.map)
                    }
                )
            }
        },
        CommandSpec("CLUSTER.PARTITIONS", arity: 1, .cluster, "", "Lists the partitions and who serves them") { _, _ in
            .cluster { view in
                .array(
                    view.map.configurations.enumerated().map { index, configuration in
                        func name(_ node: NodeID) -> String { view.map.member(node)?.name ?? node.description }
                        return .map([
                            ("partition", Replies.number(index)),
                            ("epoch", Replies.number(configuration.epoch)),
                            ("primary", configuration.primary.map { .bulk(name($0)) } ?? .null),
                            ("secondaries", .array(configuration.secondaries.map { .bulk(name($0)) })),
                            (
                                "learners",
                                .array((view.map.learners[PartitionID(UInt16(index))] ?? []).map { .bulk(name($0)) })
                            ),
                        ])
                    }
                )
            }
        },
    ]

    private static func node(_ member: Member, _ status: NodeStatus?, _ map: PartitionMap) -> RESPValue {
        let health = status?.health
        return .map([
            ("name", .bulk(member.name)),
            ("id", .bulk(member.id.description)),
            ("address", .bulk("\(member.host):\(member.port)")),
            ("zone", .bulk(member.zone)),
            ("weight", Replies.number(member.weight)),
            ("primaries", Replies.number(map.partitions(of: member.id).count)),
            ("ready", .integer(health?.isWell ?? false ? 1 : 0)),
            ("problem", .bulk(health?.problem ?? "")),
            ("silentMilliseconds", status?.silentMilliseconds.map { Replies.number($0) } ?? .null),
            ("durability", .bulk(health?.durability ?? "unknown")),
            ("logBytes", Replies.number(health?.logBytes ?? 0)),
            ("waitingLetters", Replies.number(health?.waitingLetters ?? 0)),
            ("unappliedEntries", Replies.number(health?.unappliedEntries ?? 0)),
        ])
    }
}
