internal import ClusterLinks
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Placement
internal import Replication

/// Sends what the replicas of one event loop tell those of other nodes: once a turn of the loop, to each node together.
///
/// Nothing is kept for a node that cannot be reached: the replicas say again what is not answered. Confined to its event loop.
final class ReplicaPost {
    /// About how much one request holds; the rest goes in others.
    private static let bytesPerRequest = 4 << 20
    /// What may be on its way to one node; more is lost.
    private static let largestInFlight = 16 << 20
    /// A node that takes nothing for so long is connected to anew.
    private static let patience = TimeAmount.seconds(1)

    private struct Outgoing {
        var messages: [PartitionMessage] = []
        var bytes = 0
    }

    private let eventLoop: any EventLoop
    private let node: NodeID
    private let links: NodeLinks
    private var outgoing: [NodeID: Outgoing] = [:]
    private var inFlight: [NodeID: Int] = [:]
    private var lastAnswers: [NodeID: NIODeadline] = [:]
    private var isSendScheduled = false

    init(eventLoop: any EventLoop, node: NodeID, links: NodeLinks) {
        self.eventLoop = eventLoop
        self.node = node
        self.links = links
    }

    func send(_ message: ReplicaMessage, of partition: PartitionID, to peer: NodeID) {
        var waiting = outgoing[peer] ?? Outgoing()
        outgoing[peer] = nil
        waiting.messages.append(PartitionMessage(partition: partition, message: message))
        waiting.bytes += message.size
        if waiting.bytes >= ReplicaPost.bytesPerRequest {
            send(waiting, to: peer)
            waiting = Outgoing()
        }
        outgoing[peer] = waiting
        guard !isSendScheduled else { return }
        isSendScheduled = true
        eventLoop.assumeIsolated().execute { self.sendAll() }
    }

    private func sendAll() {
        isSendScheduled = false
        let all = outgoing
        outgoing = [:]
        for (peer, waiting) in all where !waiting.messages.isEmpty {
            send(waiting, to: peer)
        }
    }

    private func send(_ waiting: Outgoing, to peer: NodeID) {
        guard inFlight[peer, default: 0] < ReplicaPost.largestInFlight else { return }
        inFlight[peer, default: 0] += waiting.bytes
        let mail = ReplicaMail(sender: node, recipient: peer, messages: waiting.messages)
        links.ask(peer, .replicate(mail), deadline: .now() + ReplicaPost.patience) { result in
            self.inFlight[peer, default: 0] -= waiting.bytes
            if case .success = result { self.lastAnswers[peer] = .now() }
            // When the network is back, a new connection is quicker than one that has waited for it. A slow one is left.
            if case .failure(.outcomeUnknown) = result,
                self.lastAnswers[peer].map({ $0 + ReplicaPost.patience < .now() }) ?? true
            {
                self.links.reconnect(to: peer)
            }
        }
    }
}

extension ReplicaMessage {
    /// About how many bytes it has.
    fileprivate var size: Int {
        guard case .append(let append) = self else { return 64 }
        return append.entries.reduce(128) { $0 + $1.payload.count + 24 }
    }
}
