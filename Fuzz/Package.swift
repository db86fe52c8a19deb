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
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

let package = Package(
    name: "fuzz",
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-collections.git", from: "1.6.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift.git", from: "0.2.0"),
    ],
    targets: [
        .target(name: "CChecksum", path: "Modules/CChecksum"),
        module("Model"),
        module("Log", ["CChecksum", "Model"]),
        module("Placement", ["Model"]),
        module("Replication", ["Model", "Placement", deque]),
        module("Messages", ["Model", "Placement", "Replication"]),
        module("Settings"),
        module("Wire", ["CChecksum", "Model", nioCore, nioPosix, logging]),
        module("Client", [deque, nioCore, nioPosix]),
        module("Randomness"),
        module("LoadGenerator", ["Client", "Randomness", histogram, nioCore]),
        module("BulkLoad", ["Client", "LoadGenerator"]),
        module("TestSupport", ["Log"]),
        module(
            "HostileInput",
            [
                "BulkLoad", "Client", "Log", "Messages", "Model", "Placement", "Replication", "Settings", "TestSupport",
                "Wire", nioCore,
            ]
        ),
        .executableTarget(name: "fuzz", dependencies: ["HostileInput"], path: "Harness", swiftSettings: settings),
    ]
)
