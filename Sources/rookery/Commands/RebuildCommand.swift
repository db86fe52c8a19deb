import ArgumentParser
import Messages
import Model
import Placement

/// `rookery cluster rebuild`: gives a coordinator that has lost its map what the nodes remember of it.
struct ClusterRebuild: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Gives a coordinator that has lost its map, or has an old one, the newest that its nodes remember.",
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
        let memories = try await memories(of: present)
        let recollection: MapRecollection
        do throws(MapRecollection.Problem) {
            recollection = try MapRecollection(memories, present: present)
        } catch {
            throw ValidationError(describe(error))
        }
        let map = recollection.map
        guard recollection.isNews else {
            throw ValidationError("nobody remembers a newer map than the coordinator's: there is nothing to rebuild")
        }
        print(
            "cluster \(map.clusterID): \(map.configurations.count) partitions, \(map.replicationFactor) replicas, from "
                + "\(memories.count) nodes"
        )
        let risks = risks(of: recollection)
        for risk in risks {
            print("\(risk). WHAT WAS ACKNOWLEDGED SINCE THEN MAY BE LOST")
        }
        guard risks.isEmpty || acceptLoss else {
            throw ValidationError("nothing was changed; start the absent nodes, or give --accept-loss")
        }
        _ = try await options.map(after: .restore(map))
        print("the coordinator has the map again")
    }

    private func memories(of map: PartitionMap) async throws -> [NodeID: MapRecollection.Memory] {
        var memories: [NodeID: MapRecollection.Memory] = [:]
        for member in map.members {
            switch try await options.ask(member.id, .recollect, in: map) {
            case .success(.recollected(let memory)): memories[member.id] = memory
            case .success: throw ValidationError("\(member.name) gives no answer that can be understood")
            case .failure(let failure): print("\(member.name) does not answer: \(failure)")
            }
        }
        return memories
    }

    private func risks(of recollection: MapRecollection) -> [String] {
        var risks: [String] = []
        if !recollection.absent.isEmpty {
            let names = recollection.absent.map { recollection.map.name(of: $0) }.joined(separator: ", ")
            risks.append("absent, or come back as another node: \(names), who may know of later changes")
        }
        if !recollection.outdated.isEmpty {
            let numbers = recollection.outdated.map { "\($0)" }.joined(separator: ", ")
            risks.append("somebody's log has entries of later epochs than anybody remembers, of partitions \(numbers)")
        }
        return risks
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
