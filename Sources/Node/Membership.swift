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
    /// Whether the coordinator has an older map than this node.
    private let isCoordinatorBehind = Atomic<Bool>(false)

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
        memory: MapMemory,
        hosts: HostGroup,
        log: GroupCommitLog,
        lostEntries: LostEntries,
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
            let handshake = Handshake(secret: secret, name: settings.name)
            let links = NodeLinks(eventLoop: loop, handshake: handshake, logger: logger)
            // Where others were: if they are there yet, they reach the coordinator perhaps.
            links.follow(memory.map)
            let detour = CoordinatorDetour(name: settings.name, links: links)
            let client = CoordinatorClient(
                eventLoop: loop,
                coordinator: settings.coordinator,
                handshake: handshake,
                logger: logger,
                detour: detour.ask
            )
            let follower = MapFollower(eventLoop: loop, coordinator: client, logger: logger) { map in
                links.follow(map)
                self.take(map, identity: identity, hosts: hosts, beacons: beacons, problems: problems, logger: logger)
            }
            follower.start()
            self.beat(member, through: client, on: loop, memory: memory, logger: logger) {
                NodeHealth(
                    isReady: !problems.isHindered && !hosts.isLeaving,
                    problem: problems.summary ?? "",
                    durability: settings.durabilityText,
                    partitions: hosts.partitionCount,
                    logBytes: log.size,
                    waitingLetters: hosts.waitingLetters,
                    unappliedEntries: hosts.unappliedEntries,
                    lostPartitions: lostEntries.partitions,
                    stoppedPartitions: Set(hosts.stopped)
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
        memory: MapMemory,
        logger: Logger,
        health: @escaping () -> NodeHealth
    ) {
        memory.saveAgain()
        let remembered = memory.map.version
        client.ask(.beat(member, health()), within: .seconds(2)) { result in
            guard case .success(.beaten(let version)) = result else { return }
            self.compare(version, with: remembered, logger)
        }
        loop.assumeIsolated().scheduleTask(in: Membership.interval) {
            self.beat(member, through: client, on: loop, memory: memory, logger: logger, health: health)
        }
    }

    /// A coordinator that knows less than this node has lost its map, or has come back with an old one.
    private func compare(_ version: UInt64, with remembered: UInt64, _ logger: Logger) {
        let isBehind = version < remembered
        guard isCoordinatorBehind.exchange(isBehind, ordering: .relaxed) != isBehind, isBehind else { return }
        logger.error(
            "the coordinator's map is older than this node's: if it has lost it, give rookery cluster rebuild",
            metadata: ["coordinators": "\(version)", "ours": "\(remembered)"]
        )
    }
}
