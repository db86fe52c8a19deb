package import Launch
package import Settings

/// The configuration of `rookery-coordinator`.
package struct CoordinatorSettings: Sendable {
    package static let dataDirectory = SettingKey<String>.text(
        "coordinator.data",
        default: nil,
        "The directory that holds the map"
    )
    package static let listen = SettingKey<Endpoint>.endpoint(
        "coordinator.listen",
        default: "127.0.0.1:7400",
        "Where nodes and routers connect"
    )

    package let process: ProcessSettings
    package let dataDirectory: String
    package let listen: Endpoint

    package init(from reader: inout SettingsReader) throws(SettingsError) {
        process = try ProcessSettings(from: &reader)
        dataDirectory = try reader.value(CoordinatorSettings.dataDirectory)
        listen = try reader.value(CoordinatorSettings.listen)
    }
}
