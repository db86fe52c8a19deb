internal import Dispatch
internal import Synchronization

extension Simulation {
    /// Runs seeds on all processors, each a cluster of its own, with any faults.
    ///
    /// - Returns: in the seeds' order.
    package static func run(seeds: Range<UInt64>) -> [Result] {
        run(seeds: seeds) { seed in Simulation(seed: seed).run() }
    }

    /// - Parameter body: runs one seed.
    package static func run(seeds: Range<UInt64>, _ body: @Sendable (UInt64) -> Result) -> [Result] {
        let results = Mutex<[Result]>([])
        DispatchQueue.concurrentPerform(iterations: seeds.count) { offset in
            let result = body(seeds.lowerBound + UInt64(offset))
            results.withLock { $0.append(result) }
        }
        return results.withLock { $0.sorted { $0.seed < $1.seed } }
    }
}
