// swift-tools-version: 6.2
import PackageDescription

let isContinuousIntegration = Context.environment["CI"] != nil

let settings: [SwiftSetting] =
    [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (isContinuousIntegration ? [.treatAllWarnings(as: .error)] : [])

extension Target.Dependency {
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let nioConcurrencyHelpers = product(name: "NIOConcurrencyHelpers", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioEmbedded = product(name: "NIOEmbedded", package: "swift-nio")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let logging = product(name: "Logging", package: "swift-log")
    static let metrics = product(name: "Metrics", package: "swift-metrics")
    static let coreMetrics = product(name: "CoreMetrics", package: "swift-metrics")
    static let arguments = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let deque = product(name: "DequeModule", package: "swift-collections")
    static let histogram = product(name: "Histogram", package: "hdrhistogram-swift")
}

/// A library of ours: `Sources/<name>`.
func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A program of ours: `Sources/<name>`.
func executable(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// A test suite: `Tests/<name>`.
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "rookery",
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
        .systemLibrary(name: "CJemalloc"),
        .systemLibrary(name: "CRocksDB"),
        .target(name: "CChecksum"),
        library("Model"),
        library("Mail", ["Model", .deque]),
        library("Store", ["CRocksDB"]),
        library("Log", ["CChecksum", "Model"]),
        library("Partitions", ["CChecksum", "Mail", "Model", "Store", .deque]),
        library("Placement", ["Model"]),
        library("Replication", ["Model", "Placement", .deque]),
        library("MapStorage", ["CChecksum", "Model", "Placement", "Store"]),
        library("Messages", ["Model", "Placement", "Replication"]),
        library("Settings"),
        library("EventLoops", [.coreMetrics, .deque, .nioCore, .nioPosix]),
        library("Observability", ["CJemalloc", .nioCore, .nioPosix, .nioHTTP1, .coreMetrics, .logging]),
        library("Wire", ["CChecksum", "Model", .nioCore, .nioPosix, .logging]),
        library("ClusterLinks", ["Messages", "Model", "Placement", "Settings", "Wire", .nioCore, .logging]),
        library(
            "Launch",
            [
                "EventLoops", "Observability", "Settings", .arguments, .coreMetrics, .logging, .nioCore, .nioPosix,
                .unixSignals,
            ]
        ),
        library(
            "Coordinator",
            [
                "Launch", "MapStorage", "Messages", "Model", "Observability", "Placement", "Settings", "Store", "Wire",
                .logging, .metrics, .nioCore,
            ]
        ),
        executable(
            "rookery-coordinator",
            [
                "Coordinator", "Launch", "MapStorage", "Observability", "Settings", "Store", "Wire", .arguments,
                .nioCore,
                .nioPosix,
            ]
        ),
        library(
            "Node",
            [
                "ClusterLinks", "EventLoops", "Launch", "Log", "Mail", "MapStorage", "Messages", "Model",
                "Observability", "Partitions", "Placement", "Replication", "Settings", "Store", "Wire", .deque,
                .logging, .metrics, .nioConcurrencyHelpers, .nioCore, .nioPosix,
            ]
        ),
        executable("rookery-node", ["Launch", "Node", "Settings", .arguments]),
        library(
            "Router",
            [
                "ClusterLinks", "EventLoops", "Launch", "Messages", "Model", "Observability", "Placement", "Settings",
                "Wire", .deque, .logging, .metrics, .nioCore, .nioPosix,
            ]
        ),
        executable("rookery-router", ["Launch", "Router", "Settings", .arguments]),
        library("Client", [.deque, .nioCore, .nioPosix]),
        library("Randomness"),
        library("LoadGenerator", ["Client", "Randomness", .histogram, .nioCore]),
        library("BulkLoad", ["Client", "LoadGenerator"]),
        executable(
            "rookery",
            [
                "BulkLoad", "Client", "ClusterLinks", "Launch", "LoadGenerator", "Messages", "Model", "Placement",
                "Settings", "Wire", .arguments, .logging, .nioCore, .nioPosix,
            ]
        ),
        library("TestSupport", ["Log"]),
        library(
            "HostileInput",
            [
                "BulkLoad", "Client", "Log", "Messages", "Model", "Partitions", "Placement", "Replication", "Router",
                "Settings", "TestSupport", "Wire", .nioCore,
            ]
        ),
        .executableTarget(
            name: "microbenchmarks",
            dependencies: ["Log", "Model", "Partitions", "Store", "TestSupport", "Wire", .nioCore],
            path: "Benchmarks/Microbenchmarks",
            swiftSettings: settings
        ),
        .target(
            name: "Simulator",
            dependencies: [
                "Coordinator", "Mail", "Messages", "Model", "Placement", "Randomness", "Replication",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            path: "Tests/Simulator",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "simulate",
            dependencies: ["Simulator"],
            path: "Tests/SimulationRunner",
            swiftSettings: settings
        ),
        tests("ModelTests", ["Model", "Randomness"]),
        tests("MailTests", ["Mail", "Model", "Simulator"]),
        tests("LogTests", ["Log", "Model", "Randomness", "TestSupport"]),
        tests("PlacementTests", ["Model", "Placement", "Randomness"]),
        tests("StoreTests", ["Randomness", "Store", "TestSupport"]),
        tests(
            "ClusterLinksTests",
            ["ClusterLinks", "Messages", "Model", "Placement", "Settings", "Wire", .logging, .nioCore, .nioPosix]
        ),
        tests("SettingsTests", ["Settings", "TestSupport"]),
        tests("EventLoopsTests", ["EventLoops", .nioCore, .nioPosix, .nioEmbedded, .deque]),
        tests("ObservabilityTests", ["Observability", .logging]),
        tests("WireTests", ["Randomness", "TestSupport", "Wire", .logging, .nioCore, .nioEmbedded, .nioPosix]),
        tests("RouterTests", ["Messages", "Model", "Placement", "Router", "Wire", .nioCore, .nioEmbedded]),
        tests(
            "NodeTests",
            [
                "Log", "Model", "Node", "Observability", "Partitions", "Placement", "Randomness", "Replication",
                "Store",
                "TestSupport", .logging, .nioCore, .nioPosix, .nioEmbedded, .deque,
            ]
        ),
        tests(
            "CoordinatorTests",
            ["Coordinator", "MapStorage", "Messages", "Model", "Placement", "Store", "TestSupport"]
        ),
        tests("HostileInputTests", ["HostileInput"]),
        tests("BulkLoadTests", ["BulkLoad"]),
        tests("LoadGeneratorTests", ["Client", "LoadGenerator", .nioCore, .nioPosix]),
        tests("ReplicationTests", ["Model", "Placement", "Replication"]),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Model", "Placement", "Randomness", "Simulator", "TestSupport"],
            exclude: ["Mutants"],
            swiftSettings: settings
        ),
        tests("PartitionsTests", ["Log", "Mail", "Model", "Partitions", "Randomness", "Store", "TestSupport"]),
    ]
)
