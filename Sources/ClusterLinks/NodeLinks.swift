package import Logging
package import Messages
internal import Model
package import NIOCore
package import Placement
package import Wire

/// Why a node gave no answer.
package enum NodeFailure: Error, Equatable, Sendable {
    /// It has done nothing: ask again, with a newer map.
    case nothingDone(String)
    /// Whether it did anything is unknown.
    case outcomeUnknown(String)
    /// Too much is waiting for it.
    case busy
}

/// Connections to the nodes of the map, one each. Confined to its event loop.
package final class NodeLinks {
    package typealias Completion = (Result<NodeReply, NodeFailure>) -> Void

    private let eventLoop: any EventLoop
    private let handshake: Handshake
    private let logger: Logger
    private let rest: FrameClient.Rest
    private let port: (Member) -> Int
    package private(set) var map = PartitionMap()
    private var clients: [NodeID: (member: Member, client: FrameClient)] = [:]

    /// - Parameters:
    ///   - rest: what becomes of requests to a node between two attempts to connect.
    ///   - port: of a node that is to be connected to.
    package init(
        eventLoop: any EventLoop,
        handshake: Handshake,
        logger: Logger,
        rest: FrameClient.Rest = .requestsWait,
        port: @escaping (Member) -> Int = { $0.port }
    ) {
        self.eventLoop = eventLoop
        self.handshake = handshake
        self.logger = logger
        self.rest = rest
        self.port = port
    }

    /// Follows a newer map; connections to members that moved or went are closed.
    package func follow(_ map: PartitionMap) {
        self.map = map
        for (node, (member, client)) in clients {
            let now = map.member(node)
            if now?.host != member.host || now.map(port) != port(member) {
                client.close()
                clients[node] = nil
            }
        }
    }

    /// Sends a request to a node; `completion` is called once, on the event loop, later than this call.
    package func ask(
        _ node: NodeID,
        _ request: NodeRequest,
        deadline: NIODeadline,
        completion: @escaping Completion
    ) {
        guard let client = client(of: node) else {
            return eventLoop.assumeIsolated().execute {
                completion(.failure(.nothingDone("node \(node) is not in the map")))
            }
        }
        // Who asks again and again is not to encode it each time.
        if client.isRefusing {
            return eventLoop.assumeIsolated().execute {
                completion(.failure(.nothingDone("node \(node) is not connected")))
            }
        }
        client.request(request.encoded(), deadline: deadline) { result in
            completion(NodeLinks.reply(from: result))
        }
    }

    /// Gives up the connection to a node, with what waits for answers on it; the next request makes another.
    package func reconnect(to node: NodeID) {
        clients[node]?.client.dropConnection()
    }

    /// Lets fail, with nothing done, what waits for the connection to a node.
    package func giveUpUnsent(to node: NodeID) {
        clients[node]?.client.giveUpUnsent()
    }

    package func close() {
        for (_, client) in clients.values {
            client.close()
        }
        clients = [:]
    }

    private func client(of node: NodeID) -> FrameClient? {
        if let (_, client) = clients[node] { return client }
        guard let member = map.member(node) else { return nil }
        let client = FrameClient(
            eventLoop: eventLoop,
            host: member.host,
            port: port(member),
            handshake: handshake,
            logger: logger,
            rest: rest
        )
        clients[node] = (member, client)
        return client
    }

    private static func reply(from result: Result<[UInt8], FrameFailure>) -> Result<NodeReply, NodeFailure> {
        switch result {
        case .success(let bytes):
            do throws(BinaryDecodingError) {
                return .success(try NodeReply(decoding: bytes))
            } catch {
                return .failure(.outcomeUnknown("reply cannot be read: \(error)"))
            }
        case .failure(.notSent(let reason)): return .failure(.nothingDone(reason))
        case .failure(.outcomeUnknown(let reason)): return .failure(.outcomeUnknown(reason))
        case .failure(.busy): return .failure(.busy)
        }
    }
}
