package import Logging
package import Messages
package import Model
package import NIOCore
package import Settings
package import Wire

/// Asks the coordinator. Confined to its event loop.
package final class CoordinatorClient {
    private let client: FrameClient

    package init(eventLoop: any EventLoop, coordinator: Endpoint, handshake: Handshake, logger: Logger) {
        client = FrameClient(
            eventLoop: eventLoop,
            host: coordinator.host,
            port: coordinator.port,
            handshake: handshake,
            logger: logger
        )
    }

    /// Sends a request; `completion` is called once, on the event loop.
    package func ask(
        _ request: CoordinatorRequest,
        within timeout: TimeAmount,
        completion: @escaping (Result<CoordinatorReply, Refusal>) -> Void
    ) {
        client.request(request.encoded(), deadline: .now() + timeout) { result in
            switch result {
            case .success(let bytes):
                do throws(BinaryDecodingError) {
                    completion(.success(try CoordinatorReply(decoding: bytes)))
                } catch {
                    completion(.failure(.unavailable("coordinator's reply cannot be read: \(error)")))
                }
            case .failure(let failure):
                completion(.failure(.unavailable("coordinator does not answer: \(failure)")))
            }
        }
    }

    package func close() {
        client.close()
    }
}
