internal import Messages
internal import Model
internal import Placement
internal import Randomness

/// How one run of a node's process talks with the coordinator: by itself, and through another node where it hears nothing.
final class SimulatedMembership {
    private static let patience: UInt64 = 250_000
    private static let beatPause: UInt64 = 200_000

    private unowned let node: SimulatedNode
    private unowned let simulation: Simulation
    private var lastHeard: UInt64
    private var lastBeat: UInt64 = 0

    init(node: SimulatedNode, simulation: Simulation) {
        self.node = node
        self.simulation = simulation
        lastHeard = simulation.now
    }

    func tick() {
        ask(.map(newerThan: node.map.version))
        guard simulation.now >= lastBeat + SimulatedMembership.beatPause else { return }
        lastBeat = simulation.now
        ask(
            .beat(
                simulation.member(node.id),
                NodeHealth(
                    isReady: !node.wantsToLeave,
                    problem: "",
                    durability: "always",
                    partitions: 0,
                    logBytes: 0,
                    waitingLetters: 0,
                    unappliedEntries: 0,
                    lostPartitions: node.disk.lost,
                    stoppedPartitions: node.stopped
                )
            )
        )
    }

    func ask(_ request: CoordinatorRequest) {
        simulation.send(.coordinator(request), from: .node(node.id), to: .coordinator)
        guard simulation.now > lastHeard + SimulatedMembership.patience else { return }
        let peers = node.map.members.map(\.id).filter { $0 != node.id }
        guard let peer = peers.randomElement(using: &simulation.random) else { return }
        simulation.send(.relay(request, for: node.id, run: node.run), from: .node(node.id), to: .node(peer))
    }

    /// The coordinator itself has answered.
    func noteHeard() { lastHeard = simulation.now }

    /// Passes a request on, or an answer back. Neither outlives the run of the process that has asked, as a connection does not.
    func relay(_ packet: Packet) {
        switch packet {
        case .relay: simulation.send(packet, from: .node(node.id), to: .coordinator)
        case .relayed(_, let asker, run: _): simulation.send(packet, from: .node(node.id), to: .node(asker))
        default: break
        }
    }
}
