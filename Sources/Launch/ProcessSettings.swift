package import Logging
package import Settings

/// What every server process can be configured with.
package struct ProcessSettings: Sendable {
    package static let logLevel = SettingKey<Logger.Level>.choice(
        "process.log.level",
        default: "info",
        expected: "trace, debug, info, notice, warning, error or critical",
        "Which events are logged"
    ) { Logger.Level(rawValue: $0) }
    package static let adminListen = SettingKey<Endpoint>.endpoint(
        "process.admin.listen",
        default: "127.0.0.1:0",
        "Where /healthz, /readyz and /metrics are served"
    )
    package static let readyFile = SettingKey<String>.text(
        "process.ready.file",
        default: "",
        "A file to write the ports into, as KEY=value lines, once the process serves; empty for none"
    )
    package static let secret = SettingKey<String>.text(
        "cluster.secret",
        default: "",
        "The secret that all processes of a cluster share"
    )

    package let logLevel: Logger.Level
    package let adminListen: Endpoint
    package let readyFile: String
    package let secret: String

    package init(from reader: inout SettingsReader) throws(SettingsError) {
        logLevel = try reader.value(ProcessSettings.logLevel)
        adminListen = try reader.value(ProcessSettings.adminListen)
        readyFile = try reader.value(ProcessSettings.readyFile)
        secret = try reader.value(ProcessSettings.secret)
    }
}
