import ArgumentParser
import Messages
import Model
import Placement

/// `rookery cluster lead`: lets another replica lead a partition.
struct ClusterLead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lead",
        abstract: "Hands a partition's primary over to one of its secondaries. No request fails."
    )

    @OptionGroup var options: CoordinatorOptions

    @Argument(help: "The partition's number.")
    var partition: Int

    @Argument(help: "The name of the node that is to lead it.")
    var node: String

    @Option(name: .long, help: "Seconds to wait for it.")
    var timeout: Int = 30

    func run() async throws {
        let map = try await options.map()
        let successor = try map.node(named: node)
        let (id, configuration) = try map.configuration(of: partition)
        guard configuration.replicas.contains(successor) else {
            throw ValidationError("\(node) has no replica of partition \(partition)")
        }
        try await options.wait(for: "\(node) leads partition \(partition)", seconds: timeout) {
            $0.primary(of: id) == successor
        } meanwhile: { map in
            try await options.askPrimary(of: id, .transfer(id, to: successor), in: map)
        }
        print("partition \(partition) is led by \(node)")
    }
}

/// `rookery cluster move`: gives a replica to another node.
struct ClusterMove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "move",
        abstract:
            "Moves a replica of a partition to another node, which is filled first. The partition serves meanwhile."
    )

    @OptionGroup var options: CoordinatorOptions

    @Argument(help: "The partition's number.")
    var partition: Int

    @Option(name: .long, help: "The name of the node that has the replica.")
    var from: String

    @Option(name: .long, help: "The name of the node that is to have it.")
    var to: String

    @Option(
        name: .long,
        help: "Seconds to wait until the new replica is filled, and again until the old one is left out."
    )
    var timeout: Int = 600

    func run() async throws {
        let began = ContinuousClock.now
        let map = try await options.map()
        let (old, new) = (try map.node(named: from), try map.node(named: to))
        let (id, configuration) = try map.configuration(of: partition)
        guard configuration.replicas.contains(old) || configuration.replicas.contains(new) else {
            throw ValidationError("\(from) has no replica of partition \(partition)")
        }
        _ = try await options.map(after: .addLearner(id, new))
        try await options.wait(for: "\(to) has a replica of partition \(partition)", seconds: timeout) {
            $0.configurations[partition].replicas.contains(new)
        } meanwhile: { _ in
            // The coordinator forgets who is to have it where that node is away for a moment.
            _ = try await options.ask(.addLearner(id, new))
        }
        try await options.wait(for: "\(from) has no replica of partition \(partition)", seconds: timeout) {
            !$0.configurations[partition].replicas.contains(old)
        } meanwhile: { map in
            let isPrimary = map.primary(of: id) == old
            try await options.askPrimary(of: id, isPrimary ? .transfer(id, to: new) : .exclude(id, old), in: map)
        }
        let seconds = (ContinuousClock.now - began).components.seconds
        print("partition \(partition) moved from \(from) to \(to) in \(seconds) s")
    }
}
