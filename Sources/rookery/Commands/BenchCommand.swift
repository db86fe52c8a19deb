import ArgumentParser
import Foundation
import LoadGenerator
import NIOCore
import NIOPosix
import Settings

/// `rookery bench`: measures a cluster with the workloads of the documentation.
struct BenchCommand: AsyncParsableCommand {
    enum Workload: String, ExpressibleByArgument, CaseIterable {
        case fanout
        case home
        case posts
        case mixed
    }

    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures a cluster. Creates users 0 to --users - 1 with the standard graph where they are missing.",
        discussion: "A run that meets an error, a missing tweet or a wrong order is void: it says so and fails."
    )

    @OptionGroup var options: RouterOptions

    @Argument(help: "Workloads: fanout, home, posts, mixed. All of them where none is named.")
    var workloads: [Workload] = []

    @Option(name: .long, help: "Users of the standard graph.")
    var users: Int = 20_000

    @Option(name: .long, help: "Posts of fanout.")
    var posts: Int = 20_000

    @Option(name: .long, help: "Pages of home.")
    var pages: Int = 200_000

    @Option(name: .long, help: "Seconds of each part of posts and mixed at a fixed rate.")
    var seconds: Double = 10

    @Option(name: .long, help: "Connections to the router.")
    var connections: Int = 8

    @Flag(name: .long, help: "Do not load the graph: it is there from an earlier run.")
    var noLoad = false

    @Option(name: .long, help: "Write the figures into this file as JSON.")
    var json: String?

    func validate() throws {
        guard (2...10_000_000).contains(users) else { throw ValidationError("--users must be 2 to 10,000,000") }
        guard (1...1_000).contains(connections) else { throw ValidationError("--connections must be 1 to 1,000") }
        guard seconds > 0, seconds <= 3_600 else { throw ValidationError("--seconds must be up to 3,600") }
    }

    func run() async throws {
        let endpoint = try options.endpoint()
        let stream = try await CommandStream.connect(
            host: endpoint.host,
            port: endpoint.port,
            password: options.password,
            connections: connections,
            loop: MultiThreadedEventLoopGroup.singleton.next()
        )
        let bench = Workbench(stream: stream, graph: StandardGraph(users: users)) { text in
            FileHandle.standardError.write(Data("\(text)\n".utf8))
        }
        var reports: [WorkloadReport] = []
        if !noLoad {
            var report = WorkloadReport(workload: "load")
            report.add("follow edges", try await bench.load(), "edges/s")
            reports.append(report)
        }
        for workload in workloads.isEmpty ? Workload.allCases : workloads {
            switch workload {
            case .fanout: reports.append(try await bench.fanout(posts: posts))
            case .home: reports.append(try await bench.home(pages: pages))
            case .posts: reports.append(try await bench.posts(seconds: seconds))
            case .mixed: reports.append(try await bench.mixed(seconds: seconds))
            }
        }
        try show(reports)
    }

    private func show(_ reports: [WorkloadReport]) throws {
        let rows = reports.flatMap { report in
            report.figures.map { [report.workload, $0.name, format($0.value), $0.unit] }
        }
        printTable(["workload", "figure", "value", "unit"], rows)
        if let json {
            let objects = reports.flatMap { report in
                report.figures.map { figure -> [String: Any] in
                    ["workload": report.workload, "figure": figure.name, "value": figure.value, "unit": figure.unit]
                }
            }
            let data = try JSONSerialization.data(withJSONObject: objects, options: [.prettyPrinted, .sortedKeys])
            try data.write(to: URL(fileURLWithPath: json))
        }
        let faults = reports.flatMap(\.faults)
        guard faults.isEmpty else {
            throw ValidationError("the run is void:\n" + faults.joined(separator: "\n"))
        }
    }

    private func format(_ value: Double) -> String {
        value >= 100 ? String(Int(value.rounded())) : String((value * 100).rounded() / 100)
    }
}
