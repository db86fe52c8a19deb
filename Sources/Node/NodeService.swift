internal import ClusterLinks
internal import Foundation
package import Launch
internal import Log
internal import Logging
internal import Messages
internal import Metrics
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Observability
internal import Placement
internal import Replication
internal import Settings
internal import Store
internal import Wire

/// A node: opens what its data directory holds, serves its partitions until it is told to end.
package struct NodeService {
    private static let blockingThreads = 2
    private static let diskPause = TimeAmount.milliseconds(250)

    private let settings: NodeSettings
    private let process: RunningProcess

    package init(settings: NodeSettings, process: RunningProcess) {
        self.settings = settings
        self.process = process
    }

    /// Runs until the process is told to end.
    package func run() async throws {
        let logger = process.logger
        let directory = try DataDirectory(path: settings.dataDirectory)
        let metrics = NodeMetrics()
        let storage = try NodeStorage.open(directory, settings: settings, logger: logger) { metrics.note($0) }
        let (identity, database, log) = (storage.identity, storage.database, storage.recovery.log)
        let problems = ProblemBoard()
        let disk = DiskSpace(settings: settings, problems: problems, logger: logger)
        process.group.next().scheduleRepeatedTask(initialDelay: NodeService.diskPause, delay: NodeService.diskPause) {
            _ in
            disk.measure()
        }
        let handshake = Handshake(secret: process.settings.secret, name: settings.name)
        let threads = NIOThreadPool(numberOfThreads: NodeService.blockingThreads)
        threads.start()
        let leases = NodeLeases(times: .standard)
        let beacons = try await Beacons(
            node: identity.node,
            leases: leases,
            times: .standard,
            handshake: handshake,
            logger: logger
        )
        let resources = NodeResources(
            settings: settings,
            node: identity.node,
            database: database,
            loops: process.loops,
            log: log,
            lostEntries: storage.lostEntries,
            logReader: LogReader(fileSystem: LocalFileSystem(path: try directory.subdirectory("log"))),
            snapshotDirectory: try NodeService.emptied(try directory.subdirectory("snapshots")),
            disk: disk,
            leases: leases,
            beacons: beacons,
            memory: MapMemory(directory: directory, threads: threads, logger: logger),
            threads: threads,
            metrics: metrics,
            problems: problems,
            logger: logger
        )
        let hosts = try await HostGroup(resources: resources, recovery: storage.recovery)
        let channel = try await FrameListener.bind(
            group: process.group,
            host: settings.listen.host,
            port: settings.listen.port,
            handshake: handshake,
            logger: logger
        ) { request, responder in
            hosts.handle(request, responder)
        }
        let port = channel.localAddress?.port ?? settings.listen.port
        let beaconChannel = try await beacons.start(host: settings.listen.host, port: settings.beaconPort)
        let membership = try await Membership(
            loop: process.group.next(),
            settings: settings,
            secret: process.settings.secret,
            identity: identity,
            port: port,
            beaconPort: beaconChannel.localAddress?.port ?? settings.beaconPort,
            beacons: beacons,
            memory: resources.memory,
            hosts: hosts,
            log: log,
            lostEntries: storage.lostEntries,
            problems: problems,
            logger: logger
        )
        let housekeeping = Housekeeping(
            database: database,
            log: log,
            lostEntries: storage.lostEntries,
            settings: settings,
            hosts: hosts,
            logger: logger
        )
        housekeeping.start()
        let gauges = NodeGauges(hosts: hosts, log: log, database: database, disk: disk)
        try await process.serve(
            ports: [("PORT", port)],
            refresh: { gauges.refresh() },
            health: {
                let hasOpened = hosts.hasOpened
                let unserved = hosts.unservedCount
                let detail =
                    problems.summary
                    ?? (membership.hasMap ? nil : "waiting for the partition map")
                    ?? (hasOpened ? nil : "opening partitions")
                    ?? (unserved == 0 ? nil : "\(unserved) partitions are not served")
                return Health(isReady: detail == nil, detail: detail ?? "")
            }
        )
        try await hosts.leave()
        try? await channel.close()
        housekeeping.stop()
        try await hosts.drain()
        await beacons.stop()
        log.close()
        if log.failure == nil { noteSynced(directory) }
        // What memory holds need not be replayed then.
        await hosts.writeTails()
        try await threads.shutdownGracefully()
        defer { database.endBackgroundWork() }
        try database.flush()
        logger.notice("ended")
    }

    private func noteSynced(_ directory: DataDirectory) {
        do throws(StoreError) {
            try UnsyncedRun(directory: directory).end()
        } catch {
            // If the machine stops now, the next run begins as a stranger: no more than that.
            process.logger.warning("that everything is synced is not noted", metadata: ["error": "\(error)"])
        }
    }

    /// What an earlier run left half-way is of no use.
    private static func emptied(_ directory: String) throws -> String {
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            try FileManager.default.removeItem(atPath: directory + "/" + name)
        }
        return directory
    }
}

extension NodeSettings {
    var databaseOptions: DatabaseOptions {
        var options = DatabaseOptions()
        options.blockCacheBytes = cacheBytes
        options.memtableBytes = memtableBytes
        return options
    }
}
