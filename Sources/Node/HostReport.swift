internal import Mail
internal import Model
internal import Partitions
internal import Placement
internal import Replication

/// What a loop says of its partitions, for other threads.
struct HostReport: Sendable {
    let partitions: [PartitionID]
    /// Of the map whose partitions it has opened; 0 before the first.
    let mapVersion: UInt64
    /// By partition, the entry behind which a follower that is sent a snapshot will need the log.
    let heldBack: [PartitionID: LogIndex]
    /// Partitions that the node has no part in.
    let elsewhere: [PartitionID]
    /// Partitions that have stopped here.
    let stopped: [PartitionID]
    /// How many are this node's to serve, and are not served: it has not applied all of them yet, or has no lease.
    let unserved: Int
    let waitingLetters: UInt64
    let unappliedEntries: UInt64

    init(of host: PartitionHost, elsewhere: [PartitionID], heldBack: [PartitionID: LogIndex]) {
        partitions = host.replicas.map(\.partition.id)
        mapVersion = host.map.version
        self.heldBack = heldBack
        self.elsewhere = elsewhere
        stopped = host.stopped.keys + host.replicas.filter { $0.failure != nil }.map(\.partition.id)
        unserved = host.replicas.count { replica in
            replica.state.configuration.primary == host.resources.node && !replica.mayRead && replica.failure == nil
        }
        waitingLetters = host.replicas.reduce(0) { sum, replica in
            sum + (replica.isServing ? UInt64(replica.partition.outgoingMail.waitingCount) : 0)
        }
        unappliedEntries = host.replicas.reduce(0) { $0 + UInt64($1.applier.backlog) }
    }
}
