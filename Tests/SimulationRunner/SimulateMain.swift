import Foundation
import Simulator

/// Runs seeds, prints what they covered, and how to replay the first that fails.
@main
struct SimulateMain {
    /// Seeds between two looks at whether one has failed.
    private static let batch: UInt64 = 64

    static func main() {
        var arguments = CommandLine.arguments.dropFirst()
        var first: UInt64 = 1
        var count: UInt64 = 100
        while let argument = arguments.popFirst() {
            let value = arguments.popFirst().flatMap { UInt64($0) }
            switch (argument, value) {
            case ("--seed", .some(let seed)): return replay(seed)
            case ("--from", .some(let seed)): first = seed
            case ("--seeds", .some(let seeds)): count = seeds
            default:
                print("usage: simulate [--seeds COUNT] [--from SEED] | --seed SEED")
                exit(2)
            }
        }
        var totals = Totals()
        var next = first
        while next < first + count {
            let end = min(next + batch, first + count)
            for result in Simulation.run(seeds: next..<end) {
                let mail = MailWorld.run(seed: result.seed)
                totals.add(result, mail)
                let shortness =
                    result.isLong ? nil : "too short: \(result.steps) steps, \(result.coverage.faults) faults"
                if let violation = result.violation ?? mail.violation ?? shortness {
                    print("seed \(result.seed) of \(first)...: \(violation)")
                    print("replay with: scripts/simulate --seed \(result.seed)")
                    exit(1)
                }
            }
            next = end
        }
        print("\(count) seeds from \(first): \(totals)")
        if count >= Coverage.seeds, !totals.missing.isEmpty {
            print("never happened: \(totals.missing.joined(separator: ", "))")
            exit(1)
        }
    }

    private static func replay(_ seed: UInt64) {
        let result = Simulation(seed: seed, isTracing: true).run()
        print(result.trace.joined(separator: "\n"))
        print("seed \(seed): \(result.violation ?? MailWorld.run(seed: seed).violation ?? "all that must hold held")")
    }
}

/// What many seeds came to, together.
private struct Totals: CustomStringConvertible {
    private var steps = 0
    private var writes = 0
    private var mailLosses = 0
    private var coverage = Coverage()

    mutating func add(_ result: Simulation.Result, _ mail: MailWorld.Result) {
        mailLosses += mail.losses
        steps += result.steps
        writes += result.acknowledgedWrites
        coverage.add(result.coverage)
    }

    var missing: [String] { coverage.missing }

    var description: String {
        "\(steps) steps, \(coverage.faults) faults, \(writes) acknowledged writes\n"
            + "\(mailLosses) losses of mail noticed\n\(coverage.table)"
    }
}
