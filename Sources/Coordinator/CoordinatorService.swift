package import Logging
package import MapStorage
internal import Messages
internal import Metrics
internal import Model
package import NIOCore
package import Observability
internal import Placement
package import Store
package import Wire

/// The shell around the coordinator's decisions: stores the map, answers, and keeps those waiting who ask for a
/// newer one. Confined to its event loop.
package final class CoordinatorService {
    /// Those who wait for a newer map are answered with the present one after this long.
    private static let longestWait = TimeAmount.seconds(5)
    /// Between two attempts to store a map that could not be stored.
    private static let pauseBetweenAttempts = TimeAmount.seconds(1)

    private struct Waiter {
        let version: UInt64
        let deadline: NIODeadline
        let responder: FrameResponder
    }

    private let eventLoop: any EventLoop
    private let store: MapStore
    private let logger: Logger
    private let problems: ProblemBoard
    private var state: CoordinatorState
    private var waiters: [Waiter] = []
    /// Why the map could not be stored: nobody hears of it and nothing more is decided until it is.
    private var failure: StoreError?
    private var nextAttempt = NIODeadline.now()

    package init(eventLoop: any EventLoop, store: MapStore, problems: ProblemBoard, logger: Logger) throws(StoreError) {
        self.eventLoop = eventLoop
        self.problems = problems
        self.store = store
        self.logger = logger
        state = CoordinatorState(map: try store.load())
    }

    package func start() {
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) {
            self.storeAgain()
            self.releaseExpiredWaiters()
            self.replaceLostReplicas()
            self.start()
        }
    }

    package func handle(_ bytes: [UInt8], _ responder: FrameResponder) {
        let request: CoordinatorRequest
        do throws(BinaryDecodingError) {
            request = try CoordinatorRequest(decoding: bytes)
        } catch {
            return answer(.refused(Refusal(.error, "request cannot be read: \(error)")), responder)
        }
        if let failure { return answer(.refused(.unavailable("coordinator: \(failure)")), responder) }
        let random = UInt64.random(in: 1...UInt64(Int64.max))
        for effect in state.handle(request, now: CoordinatorService.now, random: random) {
            perform(effect, for: responder)
            if failure != nil { return }
        }
    }

    private static var now: Milliseconds { NIODeadline.now().uptimeNanoseconds / 1_000_000 }

    private func replaceLostReplicas() {
        guard failure == nil else { return }
        for effect in state.replaceLostReplicas(now: CoordinatorService.now) {
            perform(effect, for: nil)
        }
    }

    /// - Parameter responder: who has asked; nil where nobody has.
    private func perform(_ effect: CoordinatorState.Effect, for responder: FrameResponder?) {
        switch effect {
        case .store(let map):
            store(map)
            if let failure, let responder {
                answer(.refused(.unavailable("coordinator: \(failure)")), responder)
            }
        case .answer(let reply):
            if let responder { answer(reply, responder) }
        case .answerWhenNewer(let version):
            guard let responder else { return }
            waiters.append(
                Waiter(version: version, deadline: .now() + CoordinatorService.longestWait, responder: responder)
            )
        }
    }

    private func store(_ map: PartitionMap) {
        do throws(StoreError) {
            try store.save(map)
            failure = nil
            problems.set(nil, about: "map store")
            logger.info("map stored", metadata: ["version": "\(map.version)"])
            Gauge(label: "coordinator.map.version").record(Int64(map.version))
            releaseWaiters { $0.version < map.version }
        } catch {
            failure = error
            nextAttempt = .now() + CoordinatorService.pauseBetweenAttempts
            if problems.set(error.description, about: "map store") {
                logger.critical(
                    "the map cannot be stored; nothing is decided until it is",
                    metadata: ["error": "\(error)"]
                )
            }
        }
    }

    /// What could not be stored is written from its beginning, into a new file: of what an attempt before may have left, nothing counts.
    private func storeAgain() {
        guard failure != nil, nextAttempt <= .now() else { return }
        store(state.map)
    }

    private func releaseExpiredWaiters() {
        let now = NIODeadline.now()
        releaseWaiters { $0.deadline <= now }
    }

    private func releaseWaiters(_ isReleased: (Waiter) -> Bool) {
        let released = waiters.filter(isReleased)
        waiters.removeAll(where: isReleased)
        // A map that is not stored is nobody's.
        let reply = failure.map { CoordinatorReply.refused(.unavailable("coordinator: \($0)")) } ?? .map(state.map)
        for waiter in released {
            answer(reply, waiter.responder)
        }
    }

    private func answer(_ reply: CoordinatorReply, _ responder: FrameResponder) {
        responder.respond(reply.encoded())
    }
}
