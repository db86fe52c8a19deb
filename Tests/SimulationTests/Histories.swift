import Foundation
import Simulator
import Testing

/// Whole clusters under any faults at any times. `scripts/simulate --seeds N` runs more.
@Suite struct Histories {
    private static let seeds =
        UInt64(ProcessInfo.processInfo.environment["ROOKERY_SIMULATION_SEEDS"] ?? "") ?? Coverage.seeds
    private static let batch: UInt64 = 64

    @Test func whateverHappensNothingAcknowledgedIsLostAndEverythingHeals() {
        var coverage = Coverage()
        for first in stride(from: 1, through: Self.seeds, by: UInt64.Stride(Self.batch)) {
            for result in Simulation.run(seeds: first..<min(first + Self.batch, Self.seeds + 1)) {
                coverage.add(result.coverage)
                #expect(result.isLong, "seed \(result.seed) is too short")
                guard let violation = result.violation else { continue }
                Issue.record("seed \(result.seed): \(violation)\nreplay with: scripts/simulate --seed \(result.seed)")
                return
            }
        }
        print(coverage.table)
        #expect(coverage.missing.isEmpty)
    }

    @Test func aSeedReplaysExactly() {
        for seed: UInt64 in [3, 14, 159] {
            let traces = (0..<2).map { _ in Simulation(seed: seed, isTracing: true).run().trace }
            #expect(traces[0] == traces[1] && traces[0].count > 1_000)
        }
    }
}
