internal import ClusterLinks
internal import Log
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Observability
internal import Placement
internal import Settings
internal import Store
internal import Synchronization
internal import Wire

/// This node's part in the cluster: registers with the coordinator, says regularly how it does, follows the map.
final class Membership: Sendable {
    private static let interval = TimeAmount.milliseconds(500)

    private let mapSeen = Atomic<Bool>(false)

    /// Whether the node has a map that it belongs to.
    var hasMap: Bool { mapSeen.load(ordering: .relaxed) }

    init(
        loop: any EventLoop,
        settings: NodeSettings,
        secret: String,
        identity: NodeIdentity,
        port: Int,
        beaconPort: Int,
        beacons: Beacons,
        hosts: HostGroup,
        log: GroupCommitLog,
        problems: ProblemBoard,
        logger: Logger
    ) async throws {
        let member = Member(
            id: identity.node,
            name: settings.name,
            host: settings.advertisedHost,
            port: port,
            beaconPort: beaconPort,
            zone: settings.zone,
            weight: settings.weight
        )
        try await loop.submit {
            let client = CoordinatorClient(
                eventLoop: loop,
                coordinator: settings.coordinator,
                handshake: Handshake(secret: secret, name: settings.name),
                logger: logger
            )
            let follower = MapFollower(eventLoop: loop, coordinator: client, logger: logger) { map in
                self.take(map, identity: identity, hosts: hosts, beacons: beacons, problems: problems, logger: logger)
            }
            follower.start()
            self.beat(member, through: client, on: loop) {
                NodeHealth(
                    isReady: problems.summary == nil && !hosts.isLeaving,
                    problem: problems.summary ?? "",
                    durability: settings.durabilityText,
                    partitions: hosts.partitionCount,
                    logBytes: log.size,
                    waitingLetters: hosts.waitingLetters,
                    unappliedEntries: hosts.unappliedEntries
                )
            }
        }.get()
    }

    private func take(
        _ map: PartitionMap,
        identity: NodeIdentity,
        hosts: HostGroup,
        beacons: Beacons,
        problems: ProblemBoard,
        logger: Logger
    ) {
        guard map.layout != nil else { return }
        do throws(StoreError) {
            guard try identity.join(map) else {
                problems.set("the data directory belongs to another cluster", about: "cluster")
                return
            }
        } catch {
            problems.set(error.description, about: "data directory")
            return
        }
        logger.info("map", metadata: ["version": "\(map.version)"])
        mapSeen.store(true, ordering: .relaxed)
        beacons.follow(map)
        hosts.follow(map)
    }

    private func beat(
        _ member: Member,
        through client: CoordinatorClient,
        on loop: any EventLoop,
        health: @escaping () -> NodeHealth
    ) {
        client.ask(.beat(member, health()), within: .seconds(2)) { _ in }
        loop.assumeIsolated().scheduleTask(in: Membership.interval) {
            self.beat(member, through: client, on: loop, health: health)
        }
    }
}
