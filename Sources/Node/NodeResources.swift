internal import EventLoops
internal import Log
internal import Logging
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Observability
internal import Placement
internal import Store

/// What all event loops of a node share.
struct NodeResources: Sendable {
    let settings: NodeSettings
    let node: NodeID
    let database: Database
    let loops: ObservedLoops
    let log: GroupCommitLog
    let lostEntries: LostEntries
    let logReader: LogReader
    /// Where snapshots are written down before they are taken in.
    let snapshotDirectory: String
    let disk: DiskSpace
    let leases: NodeLeases
    let beacons: Beacons
    let memory: MapMemory
    /// For what blocks.
    let threads: NIOThreadPool
    let metrics: NodeMetrics
    let problems: ProblemBoard
    let logger: Logger
}

extension NodeResources {
    /// Counts a request that is answered, and logs it where it was slow.
    func noteRequest(_ name: String, began: NIODeadline, _ result: Result<Answer, Refusal>) {
        let time = NIODeadline.now() - began
        var isRefused = false
        if case .failure = result { isRefused = true }
        metrics.noteRequest(name, nanoseconds: time.nanoseconds, isRefused: isRefused)
        if time > .milliseconds(Int64(settings.slowMilliseconds)) {
            logger.warning(
                "slow request",
                metadata: ["command": "\(name)", "milliseconds": "\(time.nanoseconds / 1_000_000)"]
            )
        }
    }
}
