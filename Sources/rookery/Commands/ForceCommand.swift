import ArgumentParser
import Messages
import Model
import Placement

/// `rookery cluster force`: lets a node lead what has lost too many replicas to be led by the rules.
struct ClusterForce: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "force",
        abstract: "Lets a node lead partitions that have lost a majority of their replicas for good.",
        discussion: """
            Without --accept-loss it only says what it would do, and what that risks. Nodes that may come back should come back \
            instead: then nothing is risked.
            """
    )

    @OptionGroup var options: CoordinatorOptions

    @Argument(help: "The name of the node that is to lead.")
    var node: String

    @Option(name: .long, help: "Only this partition, instead of all that need it.")
    var partition: Int?

    @Flag(name: .long, help: "Do it, and accept what it may lose.")
    var acceptLoss = false

    @Flag(name: .long, help: "Also where no member is left: what was acknowledged since the node was one is lost.")
    var withoutMembers = false

    /// What forcing means for a partition.
    private enum Verdict {
        /// It has enough replicas, or is led as it would be.
        case unneeded
        /// The node is a member: nothing acknowledged is lost by it.
        case member(left: [String])
        /// Others are members, and have more.
        case others([String])
        /// No member is heard of, and the node was one at some time, or never.
        case stranger(left: [String])
    }

    func run() async throws {
        let map = try await options.map()
        let ready = try await options.readyNodes()
        // One that has come back as a stranger has the name of what it was.
        _ = try map.node(named: node)
        guard let id = map.members.first(where: { $0.name == node && ready.contains($0.id) })?.id else {
            throw ValidationError("\(node) is not there or not ready")
        }
        let numbers =
            try partition.map { [Int(try map.configuration(of: $0).0.rawValue)] } ?? Array(map.configurations.indices)
        var chosen: [Int] = []
        for number in numbers {
            let verdict = verdict(on: number, in: map, leader: id, ready: ready)
            if let text = describe(verdict) { print("partition \(number): \(text)") }
            switch verdict {
            case .member: chosen.append(number)
            case .stranger: if withoutMembers { chosen.append(number) }
            case .unneeded, .others: break
            }
        }
        guard !chosen.isEmpty else {
            throw ValidationError("nothing was changed: there is nothing to force, or it needs --without-members")
        }
        guard acceptLoss else {
            throw ValidationError("nothing was changed; give --accept-loss to do it")
        }
        try await force(chosen, id, in: map)
    }

    private func force(_ partitions: [Int], _ id: NodeID, in map: PartitionMap) async throws {
        var refused = 0
        for number in partitions {
            let epoch = map.configurations[number].epoch
            switch try await options.ask(.force(PartitionID(UInt16(number)), epoch: epoch, id)) {
            case .success(.map): continue
            case .success(.refused(let refusal)), .failure(let refusal): print("not forced: \(refusal.message)")
            case .success: print("not forced: partition \(number): the coordinator's answer cannot be understood")
            }
            refused += 1
        }
        print(
            "\(node) is to lead \(partitions.count - refused) partitions; their other replicas are filled again as nodes are there"
        )
        if refused > 0 { throw ValidationError("\(refused) partitions were not forced") }
    }

    private func verdict(on number: Int, in map: PartitionMap, leader: NodeID, ready: Set<NodeID>) -> Verdict {
        let replicas = map.configurations[number].replicas
        let living = replicas.filter(ready.contains)
        let left = replicas.filter { !ready.contains($0) }.map { map.name(of: $0) }
        let isAsForced = left.isEmpty && map.configurations[number].primary == leader
        if living.count > map.replicationFactor / 2 || isAsForced { return .unneeded }
        if living.contains(leader) { return .member(left: left) }
        return living.isEmpty ? .stranger(left: left) : .others(living.map { map.name(of: $0) })
    }

    private func describe(_ verdict: Verdict) -> String? {
        switch verdict {
        case .unneeded: partition == nil ? nil : "has enough replicas, or is led by \(node) as it is; nothing to do"
        case .member(let left):
            "\(node) has all that was acknowledged, and goes on without \(left.joined(separator: ", ")). What is "
                + "acknowledged before others are filled is lost if \(node) is lost, even if those come back"
        case .others(let names):
            "not changed: \(names.joined(separator: ", ")) is a member and there, and has more than \(node)"
        case .stranger(let left):
            "no member is ready (\(left.joined(separator: ", "))). WHAT WAS ACKNOWLEDGED SINCE \(node) WAS ONE IS LOST, "
                + "everything if it never was; mail with other partitions may not go on. Nothing keeps those from serving that "
                + "run, if the coordinator alone does not reach them: end them first. Of several nodes choose the one that has most "
                + "(rookery-node --verify)"
        }
    }
}
