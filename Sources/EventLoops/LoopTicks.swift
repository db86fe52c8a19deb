internal import CoreMetrics
package import NIOCore
package import NIOPosix
internal import Synchronization

/// Counts how often event loops have looked for input and output, and times the tasks that they run in between: nothing is
/// read meanwhile. Any thread.
package final class LoopTicks: NIOEventLoopMetricsDelegate {
    private let counts = Mutex<[ObjectIdentifier: UInt64]>([:])
    private let time = Timer(label: "loop.tick.seconds")

    package init() {}

    /// How many ticks of a loop have ended. A task that finds the same number as another one ran in the same tick.
    package func count(of eventLoop: any EventLoop) -> UInt64 {
        counts.withLock { $0[ObjectIdentifier(eventLoop), default: 0] }
    }

    package func processedTick(info: NIOEventLoopTickInfo) {
        counts.withLock { $0[info.eventLoopID, default: 0] += 1 }
        time.recordNanoseconds((info.endTime - info.startTime).nanoseconds)
    }
}
