internal import ClusterLinks
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Placement

/// Asks the coordinator for what the replicas of one event loop want to change. What is not answered they ask for again.
///
/// Confined to its event loop.
final class ConfigurationChanges {
    private static let patience = TimeAmount.seconds(1)

    private let coordinator: CoordinatorClient
    private let logger: Logger
    /// Is given the maps that the coordinator answers with, of whatever version.
    private let onMap: (PartitionMap) -> Void
    private var isAskingForMap = false
    /// By partition, the epoch proposed last: what is proposed again is no event.
    private var proposed: [PartitionID: UInt64] = [:]
    private var isReached = true

    init(coordinator: CoordinatorClient, logger: Logger, onMap: @escaping (PartitionMap) -> Void) {
        self.coordinator = coordinator
        self.logger = logger
        self.onMap = onMap
    }

    func propose(_ configuration: PartitionMap.Configuration, for partition: PartitionID, because reason: String) {
        if proposed.updateValue(configuration.epoch, forKey: partition) != configuration.epoch {
            logger.notice(
                "configuration proposed",
                metadata: [
                    "partition": "\(partition)", "epoch": "\(configuration.epoch)", "reason": "\(reason)",
                    "replicas": "\(configuration.replicas.map { "\($0)" }.joined(separator: " "))",
                ]
            )
        }
        ask(.propose(partition, configuration)) {}
    }

    func askForMap(newerThan map: PartitionMap) {
        guard !isAskingForMap else { return }
        isAskingForMap = true
        ask(.map(newerThan: map.version)) { self.isAskingForMap = false }
    }

    /// Asks for a node that does not reach the coordinator. Never by a detour: that would go round in circles.
    func relay(_ request: CoordinatorRequest, completion: @escaping CoordinatorClient.Completion) {
        let patience: TimeAmount
        switch request {
        case .beat, .propose: patience = ConfigurationChanges.patience
        case .map: patience = MapFollower.patience
        case .initialize, .health, .addLearner, .force, .restore:
            return completion(.failure(.unavailable("this is not asked through other nodes")))
        }
        coordinator.askDirectly(request, within: patience, completion: completion)
    }

    private func ask(_ request: CoordinatorRequest, answered: @escaping () -> Void) {
        coordinator.ask(request, within: ConfigurationChanges.patience) { result in
            answered()
            switch result {
            case .success(.map(let map)): self.onMap(map)
            case .success(.refused(let refusal)):
                self.logger.warning("the coordinator refuses", metadata: ["refusal": "\(refusal.message)"])
            case .success: break
            case .failure(let refusal):
                if self.isReached {
                    self.logger.warning("the coordinator is not reached", metadata: ["refusal": "\(refusal.message)"])
                }
                self.isReached = false
                return
            }
            self.isReached = true
        }
    }
}
