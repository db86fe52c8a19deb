package import Logging
package import Messages
package import Model
package import NIOCore
package import Settings
package import Wire

/// Asks the coordinator. Confined to its event loop.
package final class CoordinatorClient {
    package typealias Completion = (Result<CoordinatorReply, Refusal>) -> Void
    /// Another way to the coordinator. `completion` is called once, on the event loop.
    package typealias Detour = (
        _ request: CoordinatorRequest, _ deadline: NIODeadline, _ completion: @escaping Completion
    ) -> Void

    /// How long the coordinator may say nothing before it is asked by the detour as well.
    private static let patience = TimeAmount.milliseconds(250)

    private let eventLoop: any EventLoop
    private let client: FrameClient
    private let detour: Detour?
    private var lastHeard = NIODeadline.uptimeNanoseconds(0)
    private var isReached = true

    /// - Parameter detour: for what the coordinator itself does not answer; nil where there is none. What goes both ways may
    ///   be carried out twice.
    package init(
        eventLoop: any EventLoop,
        coordinator: Endpoint,
        handshake: Handshake,
        logger: Logger,
        detour: Detour? = nil
    ) {
        self.eventLoop = eventLoop
        self.detour = detour
        client = FrameClient(
            eventLoop: eventLoop,
            host: coordinator.host,
            port: coordinator.port,
            handshake: handshake,
            logger: logger
        )
    }

    /// Sends a request, by the detour too where the coordinator does not answer; `completion` is called once, on the event loop.
    package func ask(_ request: CoordinatorRequest, within timeout: TimeAmount, completion: @escaping Completion) {
        guard let detour else { return askDirectly(request, within: timeout, completion: completion) }
        let question = Question(completion)
        let goRound = {
            guard question.takesDetour() else { return }
            detour(request, .now() + timeout) { question.take($0) }
        }
        let began = NIODeadline.now()
        askDirectly(request, within: timeout) { result in
            question.take(result)
            if case .failure = result { goRound() }
        }
        if !isReached { return goRound() }
        // The coordinator answers a request for a newer map when there is one.
        if case .map = request { return }
        eventLoop.assumeIsolated().scheduleTask(in: CoordinatorClient.patience) {
            if self.lastHeard < began { goRound() }
        }
    }

    /// Sends a request to the coordinator itself; `completion` is called once, on the event loop.
    package func askDirectly(
        _ request: CoordinatorRequest,
        within timeout: TimeAmount,
        completion: @escaping Completion
    ) {
        client.request(request.encoded(), deadline: .now() + timeout) { result in
            switch result {
            case .success(let bytes):
                self.isReached = true
                self.lastHeard = .now()
                do throws(BinaryDecodingError) {
                    completion(.success(try CoordinatorReply(decoding: bytes)))
                } catch {
                    completion(.failure(.unavailable("coordinator's reply cannot be read: \(error)")))
                }
            case .failure(let failure):
                self.isReached = false
                completion(.failure(.unavailable("coordinator does not answer: \(failure)")))
            }
        }
    }

    package func close() {
        client.close()
    }
}

/// A request that may go two ways: the first answer counts, and a failure only where the other way has failed too.
private final class Question {
    private var completion: CoordinatorClient.Completion?
    private var waysLeft = 2
    private var isDetourTaken = false

    init(_ completion: @escaping CoordinatorClient.Completion) {
        self.completion = completion
    }

    /// - Returns: whether the detour is to be tried now.
    func takesDetour() -> Bool {
        guard completion != nil, !isDetourTaken else { return false }
        isDetourTaken = true
        return true
    }

    func take(_ result: Result<CoordinatorReply, Refusal>) {
        waysLeft -= 1
        if case .failure = result, waysLeft > 0 { return }
        let completion = completion
        self.completion = nil
        completion?(result)
    }
}
