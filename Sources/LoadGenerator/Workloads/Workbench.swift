internal import Randomness

/// A service filled with a graph, and what workloads need to draw their operations and to check what they read.
package struct Workbench: Sendable {
    package let service: any TimelineService
    package let graph: StandardGraph
    let added = AddedFollows()
    let say: @Sendable (String) -> Void

    /// - Parameter say: told what is going on, for people.
    package init(
        service: any TimelineService,
        graph: StandardGraph,
        say: @escaping @Sendable (String) -> Void
    ) {
        self.service = service
        self.graph = graph
        self.say = say
    }

    func report(_ workload: String) -> WorkloadReport { WorkloadReport(workload: workload, service: service.name) }

    /// Loads the graph.
    package func loaded() async throws -> WorkloadReport {
        var report = report("load")
        if let rate = try await service.load(graph) { report.add("follow edges", rate, "edges/s") }
        return report
    }

    /// Reads a share of all homes once, so that their readers count as reading.
    func activate(share: Double = 1, _ report: inout WorkloadReport) async throws {
        let result = try await service.closed(count: Int(Double(graph.users) * share), window: 128) { user in
            .home(reader: user, count: 1, texts: false)
        }
        report.note(result, "activation")
    }

    /// How many home lists a post of each author goes to: the followers' and the author's own.
    func deliveries(of authors: [Int]) -> Int {
        authors.reduce(0) { $0 + graph.followerCounts[$1] + 1 }
    }

    /// Authors by the post weights.
    func drawAuthors(_ count: Int, seed: UInt64) -> [Int] {
        var random = SeededGenerator(seed: seed)
        let sampler = WeightedSampler(weights: graph.postWeights)
        return (0..<count).map { _ in sampler.draw(&random) }
    }

    /// Users by Zipf's law, ranks being a seeded shuffle of the ids.
    func drawUsers(_ count: Int, exponent: Double, seed: UInt64) -> [Int] {
        var random = SeededGenerator(seed: seed)
        var byRank = Array(0..<graph.users)
        byRank.shuffle(using: &random)
        let sampler = WeightedSampler.zipf(count: graph.users, exponent: exponent)
        return (0..<count).map { _ in byRank[sampler.draw(&random)] }
    }

    /// What is wrong with a page: it must be newest first, without repetition, with a text for each where texts were
    /// asked for.
    static func pageProblem(_ outcome: Outcome, least: Int = 0, texts: Bool = false) -> String? {
        guard case .page(let ids, let found, _) = outcome else { return "not a page" }
        guard ids.count >= least else { return "a page of \(ids.count)" }
        guard !texts || found.count == ids.count else { return "\(found.count) texts of \(ids.count)" }
        return zip(ids, ids.dropFirst()).allSatisfy { $0 > $1 } ? nil : "a page out of order"
    }
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
