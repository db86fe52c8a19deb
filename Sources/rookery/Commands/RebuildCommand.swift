import ArgumentParser
import Messages
import Model
import Placement

/// `rookery cluster rebuild`: gives a coordinator that has lost its map what the nodes remember of it.
struct ClusterRebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Gives a coordinator that has lost its map the newest that its nodes remember.",
        discussion: """
            Start the coordinator with an empty directory and wait until all nodes have registered. Nodes serve meanwhile what \
            they served before.
            """
    )

    @OptionGroup var options: CoordinatorOptions

    @Flag(
        name: .long,
        help: "Do it though nodes are absent that may know of later changes, and accept what that may lose."
    )
    var acceptLoss = false

    func run() async throws {
        let present = try await options.map()
        guard present.layout == nil else {
            throw ValidationError(
                "the coordinator has the map of cluster \(present.clusterID): there is nothing to rebuild"
            )
        }
        var memories: [NodeID: PartitionMap] = [:]
        for member in present.members {
            switch try await options.ask(member.id, .recollect, in: present) {
            case .success(.recollected(let map)): memories[member.id] = map
            case .success: throw ValidationError("\(member.name) gives no answer that can be understood")
            case .failure(let failure): print("\(member.name) does not answer: \(failure)")
            }
        }
        let recollection: MapRecollection
        do throws(MapRecollection.Problem) {
            recollection = try MapRecollection(memories)
        } catch {
            throw ValidationError(describe(error))
        }
        let map = recollection.map
        print(
            "cluster \(map.clusterID): \(map.configurations.count) partitions, \(map.replicationFactor) replicas, from "
                + "\(memories.count) nodes"
        )
        if !recollection.absent.isEmpty {
            let names = recollection.absent.map { map.name(of: $0) }.joined(separator: ", ")
            print(
                "absent: \(names). Where one of them knows of a later change of a partition, WHAT WAS ACKNOWLEDGED SINCE MAY BE "
                    + "LOST"
            )
            guard acceptLoss else {
                throw ValidationError("nothing was changed; start the absent nodes, or give --accept-loss")
            }
        }
        _ = try await options.map(after: .restore(map))
        print("the coordinator has the map again")
    }

    private func describe(_ problem: MapRecollection.Problem) -> String {
        switch problem {
        case .nothingRemembered: "no node that has registered belongs to a cluster"
        case .differentClusters(let ids):
            "nodes of different clusters have registered: \(ids.map { "\($0)" }.joined(separator: ", "))"
        case .contradiction(let partition, let epoch):
            "nodes disagree about epoch \(epoch) of partition \(partition)"
        }
    }
}
