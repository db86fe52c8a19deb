package import Logging
internal import Messages
internal import Model
package import NIOCore
package import Placement

/// Keeps up with the coordinator's map: asks for the next version as soon as it has one. Confined to its event loop.
package final class MapFollower {
    /// The coordinator answers a request for a newer map within 5 seconds even if there is none.
    package static let patience = TimeAmount.seconds(8)
    private static let pause = TimeAmount.milliseconds(100)

    private let eventLoop: any EventLoop
    private let coordinator: CoordinatorClient
    private let logger: Logger
    private let onMap: (PartitionMap) -> Void
    private var map = PartitionMap()
    private var isRunning = false

    /// - Parameter onMap: called with each newer map, on the event loop.
    package init(
        eventLoop: any EventLoop,
        coordinator: CoordinatorClient,
        logger: Logger,
        onMap: @escaping (PartitionMap) -> Void
    ) {
        self.eventLoop = eventLoop
        self.coordinator = coordinator
        self.logger = logger
        self.onMap = onMap
    }

    package func start() {
        isRunning = true
        ask()
    }

    package func stop() {
        isRunning = false
    }

    private func ask() {
        guard isRunning else { return }
        coordinator.ask(.map(newerThan: map.version), within: MapFollower.patience) { result in
            switch result {
            case .success(.map(let map)) where self.take(map):
                self.ask()
            case .success, .failure:
                self.eventLoop.assumeIsolated().scheduleTask(in: MapFollower.pause) { self.ask() }
            }
        }
    }

    /// - Returns: whether the map is newer, and of this cluster.
    private func take(_ newer: PartitionMap) -> Bool {
        guard newer.version > map.version else { return false }
        if map.clusterID != 0, newer.clusterID != map.clusterID {
            logger.error(
                "the coordinator's map is of another cluster; it is ignored",
                metadata: ["ours": "\(map.clusterID)", "theirs": "\(newer.clusterID)"]
            )
            return false
        }
        map = newer
        onMap(newer)
        return true
    }
}
