internal import Log
internal import Logging
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
    let logReader: LogReader
    /// Where snapshots are written down before they are taken in.
    let snapshotDirectory: String
    let disk: DiskSpace
    let leases: NodeLeases
    let beacons: Beacons
    /// For what blocks.
    let threads: NIOThreadPool
    let metrics: NodeMetrics
    let problems: ProblemBoard
    let logger: Logger
}
