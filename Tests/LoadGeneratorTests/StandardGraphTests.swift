import LoadGenerator
import Testing

@Suite struct StandardGraphTests {
    /// The percentiles that the benchmarks' documentation states, within a tenth.
    @Test func theStandardGraphIsTheDocumentedOne() {
        let graph = StandardGraph(users: 20_000)
        func isNear(_ value: Int, _ expected: Int) -> Bool { abs(value - expected) * 10 <= expected }
        #expect(isNear(graph.edges / graph.users, 110))
        #expect(isNear(graph.followerPercentile(0.5), 55), "\(graph.followerPercentile(0.5))")
        #expect(isNear(graph.followerPercentile(0.9), 180), "\(graph.followerPercentile(0.9))")
        #expect(isNear(graph.followerPercentile(0.99), 975), "\(graph.followerPercentile(0.99))")
        #expect(isNear(graph.followerPercentile(1), 17_000), "\(graph.followerPercentile(1))")
        #expect(graph.following.allSatisfy { (20...200).contains($0.count) })
    }

    @Test(arguments: [1, 7, 100]) func interleavedFollowsAreAllEdgesOnce(together: Int) {
        let graph = StandardGraph(users: 300)
        let follows = graph.interleavedFollows(together: together)
        #expect(follows.allSatisfy { (1...together).contains($0.authors.count) })
        var gathered = [[Int32]](repeating: [], count: graph.users)
        for (follower, authors) in follows {
            gathered[Int(follower)] += authors
        }
        #expect(gathered == graph.following)
        // Nobody's second command is before another's first.
        #expect(Set(follows.prefix(graph.users).map(\.follower)).count == graph.users)
    }
}
