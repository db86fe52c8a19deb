internal import CoreMetrics
package import EventLoops
internal import Foundation
package import Logging
internal import NIOCore
package import NIOPosix
package import Observability
internal import Settings
internal import UnixSignals

/// What every server process does around its own work: logs, metrics, the admin port, the ready file, signals.
package struct RunningProcess: Sendable {
    package let name: String
    package let settings: ProcessSettings
    package let logger: Logger
    package let registry: PrometheusRegistry
    package let loops: ObservedLoops
    package var group: MultiThreadedEventLoopGroup { loops.group }

    /// - Parameter loops: event loop threads.
    package init(name: String, settings: ProcessSettings, loops: Int) {
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        let allowance = LogAllowance()
        LoggingSystem.bootstrap { label in
            var handler = BoundedLogHandler(StreamLogHandler.standardError(label: label), allowance: allowance)
            handler.logLevel = settings.logLevel
            return handler
        }
        self.name = name
        self.settings = settings
        self.registry = registry
        logger = Logger(label: name)
        self.loops = ObservedLoops(threads: loops)
    }

    /// Opens the admin port, writes the ready file, and waits until the process is told to end.
    ///
    /// - Parameters:
    ///   - ports: what the ready file says, besides the admin port.
    ///   - refresh: brings gauges up to date before a scrape.
    ///   - isServing: whether the process has begun to serve what it is for; the ready file waits for that.
    package func serve(
        ports: [(String, Int)],
        refresh: @escaping @Sendable () -> Void = {},
        health: @escaping @Sendable () -> Health
    ) async throws {
        let admin = try await AdminServer.bind(
            group: group,
            host: settings.adminListen.host,
            port: settings.adminListen.port,
            registry: registry,
            refresh: {
                ProcessUsage.refreshGauges()
                refresh()
            },
            health: health
        )
        let adminPort = admin.localAddress?.port ?? 0
        try writeReadyFile(ports + [("ADMIN_PORT", adminPort)])
        logger.notice(
            "serving",
            metadata: Dictionary(
                uniqueKeysWithValues: (ports + [("ADMIN_PORT", adminPort)]).map { ($0.0.lowercased(), "\($0.1)") }
            )
        )
        for await signal in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            logger.notice("ending", metadata: ["signal": "\(signal)"])
            break
        }
        try? await admin.close()
    }

    private func writeReadyFile(_ lines: [(String, Int)]) throws {
        guard !settings.readyFile.isEmpty else { return }
        let text = lines.map { "\($0.0)=\($0.1)\n" }.joined() + "PID=\(ProcessInfo.processInfo.processIdentifier)\n"
        try text.write(toFile: settings.readyFile, atomically: true, encoding: .utf8)
    }
}
