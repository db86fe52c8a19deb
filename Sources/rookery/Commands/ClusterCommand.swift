import ArgumentParser
import Client
import Launch
import Messages
import Model
import NIOCore
import NIOPosix
import Placement
import Settings

/// `rookery cluster`: creates a cluster, shows it, moves partitions.
struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Creates a cluster, shows how it does, and moves partitions.",
        subcommands: [
            ClusterInit.self, ClusterStatus.self, ClusterPartitions.self, ClusterLead.self, ClusterMove.self,
            ClusterBalance.self, ClusterForce.self, ClusterRebuild.self,
        ]
    )
}

/// Where the router is.
struct RouterOptions: ParsableArguments {
    @Option(name: .long, help: "The router's host and port.")
    var router: String = "127.0.0.1:7379"

    @Option(name: .long, help: "The router's password, if it has one.")
    var password: String?

    func endpoint() throws -> Endpoint {
        guard let endpoint = Endpoint(router) else { throw ValidationError("'\(router)' is not host:port") }
        return endpoint
    }

    /// A connection that has authenticated.
    func connect(on loop: any EventLoop) async throws -> NIOLoopBound<Connection> {
        let endpoint = try endpoint()
        let connection = try await Connection.connect(host: endpoint.host, port: endpoint.port, on: loop)
        if let password, case .error(let text) = try await connection.ask(["AUTH", password]) {
            throw ValidationError(text)
        }
        return connection
    }
}

/// `rookery cluster init`: fixes the partition count and places the partitions.
struct ClusterInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Fixes the partition count and places the partitions on the registered nodes."
    )

    @OptionGroup var options: CoordinatorOptions

    @Option(name: .long, help: "Partitions: a power of two from 1 to 1024. Fixed for the cluster's life.")
    var partitions: Int = 16

    @Option(name: .long, help: "Replicas of each partition.")
    var replicas: Int = 1

    @Option(name: .long, help: "Wait until this many nodes have registered.")
    var nodes: Int = 1

    @Option(name: .long, help: "Seconds to wait for them.")
    var timeout: Int = 30

    func run() async throws {
        let request = CoordinatorRequest.initialize(
            partitions: partitions,
            replicationFactor: replicas,
            nodes: nodes
        )
        let deadline = ContinuousClock.now + .seconds(timeout)
        while true {
            switch try await options.ask(request) {
            case .success(.map(let map)):
                print("cluster \(map.clusterID): \(map.configurations.count) partitions on \(map.members.count) nodes")
                return
            case .failure(let refusal), .success(.refused(let refusal)):
                guard refusal.code.isRetryable, ContinuousClock.now < deadline else {
                    throw ValidationError(refusal.message)
                }
                try await Task.sleep(for: .milliseconds(100))
            case .success:
                throw ValidationError("the coordinator's answer cannot be understood")
            }
        }
    }
}

/// `rookery cluster status`.
struct ClusterStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "status", abstract: "Shows the cluster and its nodes.")

    @OptionGroup var options: RouterOptions

    func run() async throws {
        let connection = try await options.connect(on: MultiThreadedEventLoopGroup.singleton.next())
        let info = try await connection.ask(["CLUSTER.INFO"])
        for field in ["state", "id", "partitions", "replicationFactor", "durability", "nodes", "reachableNodes"] {
            print("\(field.padded(to: 18)) \(info[field]?.string ?? "-")")
        }
        print("")
        let columns = [
            "name", "address", "primaries", "ready", "durability", "logBytes", "waitingLetters", "unappliedEntries",
            "problem",
        ]
        let nodes = try await connection.ask(["CLUSTER.NODES"]).array ?? []
        printTable(columns, nodes.map { node in columns.map { node[$0]?.string ?? "-" } })
    }
}

/// `rookery cluster partitions`.
struct ClusterPartitions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "partitions",
        abstract: "Shows who serves each partition."
    )

    @OptionGroup var options: RouterOptions

    func run() async throws {
        let connection = try await options.connect(on: MultiThreadedEventLoopGroup.singleton.next())
        let partitions = try await connection.ask(["CLUSTER.PARTITIONS"]).array ?? []
        printTable(
            ["partition", "epoch", "primary", "secondaries", "learners"],
            partitions.map { partition in
                ["partition", "epoch", "primary"].map { partition[$0]?.string ?? "-" }
                    + ["secondaries", "learners"].map { field in
                        (partition[field]?.array ?? []).compactMap(\.string).joined(separator: ",")
                    }
            }
        )
    }
}

extension String {
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}

/// Prints rows under their headings, in columns.
func printTable(_ headings: [String], _ rows: [[String]]) {
    let widths = headings.indices.map { column in
        ([headings] + rows).map { $0[column].count }.max() ?? 0
    }
    for row in [headings] + rows {
        print(zip(row, widths).map { $0.padded(to: $1) }.joined(separator: "  "))
    }
}
