internal import ClusterLinks
internal import Messages
internal import Model
internal import NIOCore
internal import Placement

/// The way to the coordinator through other nodes, for a node that reaches those and not the coordinator itself.
///
/// Confined to its event loop.
final class CoordinatorDetour {
    /// This node's name.
    private let name: String
    private let links: NodeLinks
    private var turn = 0
    /// Who has passed the last request on.
    private var guide: NodeID?

    init(name: String, links: NodeLinks) {
        self.name = name
        self.links = links
    }

    /// Asks whoever has passed the last request on, or one other node after the other, one a request: what matters is asked
    /// again.
    func ask(
        _ request: CoordinatorRequest,
        deadline: NIODeadline,
        completion: @escaping CoordinatorClient.Completion
    ) {
        // What this node was before it came back as a stranger has its name.
        let peers = links.map.members.filter { $0.name != name }
        guard !peers.isEmpty else { return completion(.failure(.unavailable("no other node is known"))) }
        turn = (turn + 1) % peers.count
        let peer = peers.first { $0.id == guide }?.id ?? peers[turn].id
        links.ask(peer, .relay(request), deadline: deadline) { result in
            switch result {
            case .success(.relayed(let reply)):
                self.guide = peer
                completion(.success(reply))
            case .success, .failure:
                if self.guide == peer { self.guide = nil }
                completion(.failure(.unavailable("node \(peer) gives no answer of the coordinator")))
            }
        }
    }
}
