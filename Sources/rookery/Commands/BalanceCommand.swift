import ArgumentParser
import Messages
import Model
import Placement

/// `rookery cluster balance`: lets nodes lead as many partitions as their weights say.
struct ClusterBalance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balance",
        abstract:
            "Hands primaries over until nodes lead as many as their weights say. No request fails, no data moves.",
        discussion: "A node that was restarted leads nothing: give this when all of them are back."
    )

    @OptionGroup var options: CoordinatorOptions

    @Flag(name: .long, help: "Only say what would be handed over.")
    var dryRun = false

    @Option(name: .long, help: "Seconds to wait for each of them.")
    var timeout: Int = 30

    func run() async throws {
        var map = try await options.map()
        if dryRun {
            for handover in try await balance(map).handovers {
                report(handover, in: map)
            }
            return
        }
        // What is best changes where nodes come and go meanwhile.
        for _ in 0..<map.configurations.count {
            guard let next = try await balance(map).handovers.first else { break }
            try await options.wait(
                for: "\(map.name(of: next.successor)) leads partition \(next.partition)",
                seconds: timeout
            ) {
                $0.primary(of: next.partition) == next.successor
            } meanwhile: { map in
                try await options.askPrimary(
                    of: next.partition,
                    .transfer(next.partition, to: next.successor),
                    in: map
                )
            }
            report(next, in: map)
            map = try await options.map()
        }
        for member in map.members.sorted(by: { $0.name < $1.name }) {
            print("\(member.name) leads \(map.partitions(of: member.id).count) partitions")
        }
    }

    /// Between the nodes that do well: a partition may have a replica that could not lead it.
    private func balance(_ map: PartitionMap) async throws -> LeaderBalance {
        let ready = try await options.readyNodes()
        return LeaderBalance(map) { ready.contains($0) }
    }

    private func report(_ handover: Handover, in map: PartitionMap) {
        let old = map.primary(of: handover.partition).map { map.name(of: $0) } ?? "nobody"
        print("partition \(handover.partition): \(old) to \(map.name(of: handover.successor))")
    }
}
