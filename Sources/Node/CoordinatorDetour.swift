internal import ClusterLinks
internal import Messages
internal import Model
internal import NIOCore
internal import Placement

/// The way to the coordinator through other nodes, for a node that reaches those and not the coordinator itself.
///
/// Confined to its event loop.
final class CoordinatorDetour {
    private let node: NodeID
    private let links: NodeLinks
    private var turn = 0

    init(node: NodeID, links: NodeLinks) {
        self.node = node
        self.links = links
    }

    /// Asks one other node after the other, one a request: what matters is asked again.
    func ask(
        _ request: CoordinatorRequest,
        deadline: NIODeadline,
        completion: @escaping CoordinatorClient.Completion
    ) {
        let peers = links.map.members.map(\.id).filter { $0 != node }
        guard !peers.isEmpty else { return completion(.failure(.unavailable("no other node is known"))) }
        turn = (turn + 1) % peers.count
        let peer = peers[turn]
        links.ask(peer, .relay(request), deadline: deadline) { result in
            switch result {
            case .success(.relayed(let reply)): completion(.success(reply))
            case .success, .failure:
                completion(.failure(.unavailable("node \(peer) gives no answer of the coordinator")))
            }
        }
    }
}
