import ArgumentParser
import Foundation
import LoadGenerator
import NIOCore
import NIOPosix
import Settings

/// `rookery bench`: measures a cluster with the workloads of the documentation, alone or in turn with opponents.
struct BenchCommand: AsyncParsableCommand {
    enum Workload: String, ExpressibleByArgument, CaseIterable {
        case fanout
        case home
        case posts
        case mixed
        case twip
        case twipSweep = "twip-sweep"
        case retwis
        case deathStar = "death-star"
        case celebrity
        case overload
        case hot

        /// What runs where none is named: what takes a minute at most.
        static let standard: [Workload] = [.fanout, .home, .posts, .mixed]
    }

    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures a cluster. Creates users 0 to --users - 1 with the standard graph where they are missing.",
        discussion: """
            A run that meets an error, a missing tweet or a wrong order is void: it says so and fails.
            With --against, the cluster and the opponents run each workload in turn, --rounds times, and the table shows medians
            and how many times better the cluster is. scripts/bench sets the opponents up.
            """
    )

    @OptionGroup var options: RouterOptions

    @Argument(help: "\(Workload.allCases.map(\.rawValue).joined(separator: ", ")). Default: fanout home posts mixed.")
    var workloads: [Workload] = []

    @Option(
        name: .long,
        help:
            "An opponent as NAME=HOST:PORT; NAME is one of \(Opponent.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var against: [String] = []

    @Option(name: .long, help: "How often each workload runs.")
    var rounds: Int = 1

    @Option(name: .long, help: "Users of the standard graph.")
    var users: Int = 20_000

    @Option(name: .long, help: "Follow edges a user of the graph has on average; its least and most are in proportion.")
    var follows: Int = 110

    @Option(name: .long, help: "Posts of fanout.")
    var posts: Int = 20_000

    @Option(name: .long, help: "Pages of home.")
    var pages: Int = 200_000

    @Flag(name: .long, help: "home reads pages of 10 after one post of everybody, instead of full pages of 50.")
    var onePostEach = false

    @Option(name: .long, help: "Operations of twip, of each part of twip-sweep, and of retwis; a tenth of it of mixed.")
    var operations: Int = 1_000_000

    @Option(name: .long, help: "Rates of death-star, operations a second.")
    var rate: [Double] = [1_000, 5_000, 10_000]

    @Option(name: .long, help: "Followers of celebrity's author.")
    var celebrityFollowers: Int = 1_000_000

    @Option(name: .long, help: "Seconds of each part at a fixed rate.")
    var seconds: Double = 10

    @Option(name: .long, help: "Connections to the router.")
    var connections: Int = 8

    @Flag(name: .long, help: "Do not load the graph into the cluster: it is there from an earlier run.")
    var noLoad = false

    @Option(name: .long, help: "Write the figures into this file as JSON.")
    var json: String?

    func validate() throws {
        guard (2...10_000_000).contains(users) else { throw ValidationError("--users must be 2 to 10,000,000") }
        guard (2...2_000).contains(follows) else { throw ValidationError("--follows must be 2 to 2,000") }
        guard (1...1_000).contains(connections) else { throw ValidationError("--connections must be 1 to 1,000") }
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds must be 1 to 100") }
        guard seconds > 0, seconds <= 3_600 else { throw ValidationError("--seconds must be up to 3,600") }
        _ = try opponents()
    }

    private func opponents() throws -> [(Opponent, Endpoint)] {
        try against.map { text in
            let parts = text.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, let opponent = Opponent(rawValue: String(parts[0])),
                let endpoint = Endpoint(String(parts[1]))
            else { throw ValidationError("--against \(text): expected NAME=HOST:PORT") }
            return (opponent, endpoint)
        }
    }

    func run() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let services = try await connect(loop)
        let graph = StandardGraph(users: users, least: max(1, follows * 20 / 110), most: follows * 200 / 110)
        let benches = services.map { service in
            Workbench(service: service, graph: graph) { BenchCommand.say("\(service.name): \($0)") }
        }
        var comparison = Comparison()
        // Opponents' clients know the graph by loading it.
        for bench in benches where !noLoad || !(bench.service is RookeryService) {
            BenchCommand.say("\(bench.service.name): loading \(graph.users) users and \(graph.edges) follow edges")
            comparison.add(try await bench.loaded())
        }
        let chosen = workloads.isEmpty ? Workload.standard : workloads
        var machine = IdleMachine()
        for workload in chosen {
            for round in 1...rounds {
                // Each of them is first now and then, and none works beside what another has left to do.
                let first = (round - 1) % benches.count
                for bench in Array(benches[first...]) + Array(benches[..<first]) {
                    let wasShared = machine.isShared
                    await machine.wait()
                    if machine.isShared, !wasShared {
                        BenchCommand.say("the machine is used by others too: what is measured from here on says little")
                    }
                    let report = try await run(workload, bench, round)
                    comparison.add(report)
                    let fault = report.faults.first.map { "; VOID: \($0)" } ?? ""
                    BenchCommand.say(
                        "\(bench.service.name): \(workload.rawValue), round \(round) of \(rounds), done\(fault)"
                    )
                }
            }
        }
        try show(comparison, services)
    }

    private func connect(_ loop: any EventLoop) async throws -> [any TimelineService] {
        var services: [any TimelineService] = [try await cluster(loop)]
        for (opponent, endpoint) in try opponents() {
            services.append(try await opponent.connect(host: endpoint.host, port: endpoint.port, on: loop))
        }
        return services
    }

    /// Whoever is measured must not wait for what another user's answers take to read here.
    private func otherLoop(than loop: any EventLoop) -> any EventLoop {
        MultiThreadedEventLoopGroup.singleton.makeIterator().first { $0 !== loop } ?? loop
    }

    /// The cluster over connections of its own.
    private func cluster(_ loop: any EventLoop) async throws -> RookeryService {
        let endpoint = try options.endpoint()
        let stream = try await CommandStream.connect(
            host: endpoint.host,
            port: endpoint.port,
            password: options.password,
            connections: connections,
            loop: loop
        )
        return try await RookeryService.over(stream)
    }

    private func run(_ workload: Workload, _ bench: Workbench, _ round: Int) async throws -> WorkloadReport {
        switch workload {
        case .fanout: try await bench.fanout(posts: posts)
        case .home: try await bench.home(pages: pages, filling: onePostEach ? .onePostEach : .fullPages)
        case .posts: try await bench.posts(seconds: seconds)
        case .mixed: try await bench.mixed(operations: operations / 10, seconds: seconds)
        case .twip: try await bench.twip(operations: operations, round: round)
        case .twipSweep: try await bench.twipSweep(operations: operations, round: round)
        case .retwis: try await bench.retwis(operations: operations, seconds: seconds, round: round)
        case .deathStar: try await bench.deathStar(rates: rate, seconds: seconds)
        case .overload: try await bench.overload(operations: operations / 10, factor: 3, seconds: seconds)
        case .hot:
            try await bench.hot(
                operations: operations / 10,
                seconds: seconds,
                through: bench.service is RookeryService
                    ? try await cluster(otherLoop(than: bench.service.loop)) : bench.service
            )
        case .celebrity: try await bench.celebrity(followers: celebrityFollowers, seconds: seconds)
        }
    }

    private static func say(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }

    private func show(_ comparison: Comparison, _ services: [any TimelineService]) throws {
        let names = services.map(\.name)
        let header = ["workload", "figure", "unit"] + names
        let rows = comparison.rows.map { row in
            [row.workload, row.figure, row.unit]
                + names.map { name in
                    guard let median = row.median(name) else { return "" }
                    let ratio = name == names[0] ? nil : row.ratio(names[0], to: name)
                    return format(median) + (ratio.map { " (\(format($0)) x)" } ?? "")
                }
        }
        printTable(header, rows)
        for service in services { print("\(service.name): \(service.promise)") }
        if let json { try write(comparison, services, to: json) }
        guard comparison.faults.isEmpty else {
            throw ValidationError("the run is void:\n" + comparison.faults.joined(separator: "\n"))
        }
    }

    private func write(_ comparison: Comparison, _ services: [any TimelineService], to path: String) throws {
        let rows = comparison.rows.map { row -> [String: Any] in
            [
                "workload": row.workload, "figure": row.figure, "unit": row.unit, "lessIsBetter": row.lessIsBetter,
                "values": row.values, "medians": row.values.keys.reduce(into: [:]) { $0[$1] = row.median($1) },
            ]
        }
        let options: [String: Any] = [
            "users": users, "follows": follows, "posts": posts, "pages": pages, "operations": operations,
            "rates": rate, "celebrityFollowers": celebrityFollowers, "seconds": seconds, "rounds": rounds,
            "connections": connections, "onePostEach": onePostEach,
        ]
        let all: [String: Any] = [
            "options": options, "figures": rows, "faults": comparison.faults,
            "services": services.map { ["name": $0.name, "promise": $0.promise] },
        ]
        let data = try JSONSerialization.data(withJSONObject: all, options: [.prettyPrinted, .sortedKeys])
        try data.write(to: URL(fileURLWithPath: path))
    }

    private func format(_ value: Double) -> String {
        value >= 100 ? String(Int(value.rounded())) : String((value * 100).rounded() / 100)
    }
}
