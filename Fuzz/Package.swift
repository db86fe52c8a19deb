// swift-tools-version: 6.2
import PackageDescription

// A package of its own: a fuzzing harness in the main one would break the linking of its tests. `Modules` is a link to
// the main package's sources, so that all of them are built here with coverage counters, not the harness alone.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Modules/\(name)", swiftSettings: settings)
}

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics.git", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
    ],
    targets: [
        .systemLibrary(name: "CJemalloc", path: "Modules/CJemalloc"),
        .systemLibrary(name: "CRocksDB", path: "Modules/CRocksDB"),
        .target(name: "CChecksum", path: "Modules/CChecksum"),
        module("Model"),
        module("Mail", ["Model", deque]),
        module("Store", ["CRocksDB"]),
        module("Partitions", ["CChecksum", "Mail", "Model", "Store", deque]),
        module("Log", ["CChecksum", "Model"]),
        module("Placement", ["Model"]),
        module("Replication", ["Model", "Placement", deque]),
        module("Messages", ["Model", "Placement", "Replication"]),
        module("Settings"),
        module("EventLoops", [coreMetrics, deque, nioCore, nioPosix]),
        module("Observability", ["CJemalloc", nioCore, nioPosix, nioHTTP1, coreMetrics, logging]),
        module("Wire", ["CChecksum", "Model", nioCore, nioPosix, logging]),
        module("ClusterLinks", ["Messages", "Model", "Placement", "Settings", "Wire", nioCore, logging]),
        module(
            "Launch",
            [
                "EventLoops", "Observability", "Settings", arguments, coreMetrics, logging, nioCore, nioPosix,
                unixSignals,
            ]
        ),
        module(
            "Router",
            [
                "ClusterLinks", "EventLoops", "Launch", "Messages", "Model", "Observability", "Placement", "Settings",
                "Wire", deque, logging, metrics, nioCore, nioPosix,
            ]
        ),
        module("Client", [deque, nioCore, nioPosix]),
        module("Randomness"),
        module("LoadGenerator", ["Client", "Randomness", histogram, nioCore]),
        module("BulkLoad", ["Client", "LoadGenerator"]),
        module("TestSupport", ["Log"]),
        module(
            "HostileInput",
            [
                "BulkLoad", "Client", "Log", "Messages", "Model", "Partitions", "Placement", "Replication", "Router",
                "Settings", "TestSupport", "Wire", nioCore,
            ]
        ),
        .executableTarget(name: "fuzz", dependencies: ["HostileInput"], path: "Harness", swiftSettings: settings),
    ]
)
