package import Launch
package import Settings

/// The configuration of `rookery-router`.
package struct RouterSettings: Sendable {
    package static let listen = SettingKey<Endpoint>.endpoint(
        "router.listen",
        default: "127.0.0.1:7379",
        "Where front ends connect, with any Redis client"
    )
    package static let coordinator = SettingKey<Endpoint>.endpoint(
        "cluster.coordinator",
        default: "127.0.0.1:7400",
        "Where the coordinator is"
    )
    package static let password = SettingKey<String>.text(
        "router.password",
        default: "",
        "What clients must AUTH with; empty for none"
    )
    package static let loops = SettingKey<Int>.integer("router.loops", default: 1, in: 1...64, "Event loop threads")
    package static let deadlineMilliseconds = SettingKey<Int>.integer(
        "router.deadline.milliseconds",
        default: 1_000,
        in: 1...60_000,
        "How long a command may take unless its connection says otherwise"
    )
    package static let pipeline = SettingKey<Int>.integer(
        "router.pipeline",
        default: 1_024,
        in: 1...100_000,
        "Commands of one connection under way; more are left unread until some are answered"
    )
    package static let inFlight = SettingKey<Int>.integer(
        "router.inflight",
        default: 65_536,
        in: 16...1_000_000,
        "Commands of all connections of one loop under way; more are refused as BUSY"
    )
    package static let userInFlight = SettingKey<Int>.integer(
        "router.user.inflight",
        default: 2,
        in: 1...1_000_000,
        "Commands of one user under way while others have some, or a quarter of what these have; more wait for a turn"
    )
    package static let latencyMilliseconds = SettingKey<Int>.integer(
        "router.latency.milliseconds",
        default: 250,
        in: 1...60_000,
        "When a node's commands take longer on average, fewer may be under way to it, and more are refused as BUSY"
    )
    package static let outputMegabytes = SettingKey<Int>.integer(
        "router.output.megabytes",
        default: 64,
        in: 1...4_096,
        "Unread answers of one connection; one that passes it is closed"
    )
    package static let reads = SettingKey<ReadPreference>.choice(
        "router.reads",
        default: ReadPreference.primary.rawValue,
        expected: "primary or any",
        "Who answers timeline reads of a connection before it says READ: the primary, or any member, up to a second behind"
    ) { ReadPreference(rawValue: $0) }
    package static let connections = SettingKey<Int>.integer(
        "router.connections",
        default: 10_000,
        in: 1...1_000_000,
        "Connections at one time; more are refused"
    )
    package static let keepAliveSeconds = SettingKey<Int>.integer(
        "router.keepalive.seconds",
        default: 300,
        in: 0...32_767,
        "A client that says nothing for so long is asked by the system whether it is still there; 0 for never"
    )
    package static let clientsMegabytes = SettingKey<Int>.integer(
        "router.clients.megabytes",
        default: 1_024,
        in: 16...1_000_000,
        "Unread answers and unfinished commands of all connections of one loop; beyond, those that hold most are closed"
    )
    package static let slowMilliseconds = SettingKey<Int>.integer(
        "router.slow.milliseconds",
        default: 500,
        in: 1...60_000,
        "Commands that take longer are logged"
    )

    package let process: ProcessSettings
    package let listen: Endpoint
    package let coordinator: Endpoint
    package let password: String
    package let loops: Int
    package let deadlineMilliseconds: Int
    package let pipeline: Int
    package let inFlight: Int
    package let userInFlight: Int
    package let latencyMilliseconds: Int
    package let outputBytes: Int
    package let connections: Int
    package let keepAliveSeconds: Int
    package let clientsBytes: Int
    package let slowMilliseconds: Int
    package let reads: ReadPreference

    package init(from reader: inout SettingsReader) throws(SettingsError) {
        process = try ProcessSettings(from: &reader)
        listen = try reader.value(RouterSettings.listen)
        coordinator = try reader.value(RouterSettings.coordinator)
        password = try reader.value(RouterSettings.password)
        loops = try reader.value(RouterSettings.loops)
        deadlineMilliseconds = try reader.value(RouterSettings.deadlineMilliseconds)
        pipeline = try reader.value(RouterSettings.pipeline)
        inFlight = try reader.value(RouterSettings.inFlight)
        userInFlight = try reader.value(RouterSettings.userInFlight)
        latencyMilliseconds = try reader.value(RouterSettings.latencyMilliseconds)
        outputBytes = try reader.value(RouterSettings.outputMegabytes) << 20
        connections = try reader.value(RouterSettings.connections)
        keepAliveSeconds = try reader.value(RouterSettings.keepAliveSeconds)
        clientsBytes = try reader.value(RouterSettings.clientsMegabytes) << 20
        slowMilliseconds = try reader.value(RouterSettings.slowMilliseconds)
        reads = try reader.value(RouterSettings.reads)
    }
}
