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
internal import Partitions
internal import Placement
internal import Settings
internal import Store
internal import Wire

/// A node: opens what its data directory holds, serves its partitions until it is told to end.
package struct NodeService {
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
        let identity = try NodeIdentity(directory: directory)
        let database = try Database(
            path: try directory.subdirectory("store"),
            options: settings.databaseOptions,
            merge: { existing, operands in try? SortedListMerge.merge(existing: existing, operands: operands) }
        )
        let metrics = NodeMetrics()
        let recovery = Recovery(directory: directory, identity: identity, settings: settings, logger: logger)
        let (log, stopped) = try recovery.openLog(into: database) { metrics.note($0) }
        let problems = ProblemBoard()
        let disk = DiskSpace(settings: settings, problems: problems, logger: logger)
        process.group.next().scheduleRepeatedTask(initialDelay: NodeService.diskPause, delay: NodeService.diskPause) {
            _ in
            disk.measure()
        }
        let hosts = try await HostGroup(
            group: process.group,
            settings: settings,
            node: identity.node,
            database: database,
            log: log,
            disk: disk,
            metrics: metrics,
            problems: problems,
            stopped: stopped,
            logger: logger
        )
        let channel = try await FrameListener.bind(
            group: process.group,
            host: settings.listen.host,
            port: settings.listen.port,
            handshake: Handshake(secret: process.settings.secret, name: settings.name),
            logger: logger
        ) { request, responder in
            hosts.handle(request, responder)
        }
        let port = channel.localAddress?.port ?? settings.listen.port
        let membership = try await Membership(
            loop: process.group.next(),
            settings: settings,
            secret: process.settings.secret,
            identity: identity,
            port: port,
            hosts: hosts,
            log: log,
            problems: problems,
            logger: logger
        )
        let housekeeping = Housekeeping(database: database, log: log, settings: settings, hosts: hosts, logger: logger)
        housekeeping.start()
        let gauges = NodeGauges(hosts: hosts, log: log, database: database, disk: disk)
        try await process.serve(
            ports: [("PORT", port)],
            refresh: { gauges.refresh() },
            health: {
                Health(
                    isReady: problems.summary == nil && membership.hasMap,
                    detail: problems.summary ?? (membership.hasMap ? "" : "waiting for the partition map")
                )
            }
        )
        try? await channel.close()
        housekeeping.stop()
        try await hosts.drain()
        log.close()
        // What memory holds need not be replayed then.
        await hosts.writeTails()
        try database.flush()
        logger.notice("ended")
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
