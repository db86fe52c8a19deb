package import NIOPosix

/// A process's event loops with what counts their ticks.
package struct ObservedLoops: Sendable {
    package let group: MultiThreadedEventLoopGroup
    package let ticks = LoopTicks()

    package init(threads: Int) {
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads, metricsDelegate: ticks)
    }
}
