/// How a partition's replicas behave; the same on every node of a cluster.
package struct ReplicationSettings: Hashable, Sendable {
    package var times = ReplicationTimes.standard
    /// Members that a partition has when nothing is amiss.
    package let replicationFactor: Int
    /// A configuration is never made smaller than this: the coordinator would refuse.
    package let minimumReplicas: Int
    /// Entries that a primary takes before all members have earlier ones.
    package var largestUncommitted: UInt64 = 65_536
    /// Entries that a replica may be sent before it has acknowledged earlier ones.
    package var window: UInt64 = 4_096
    /// Entries in one message.
    package var entriesPerMessage = 512
    /// Entries that a secondary may have yet to apply when a primary hands its place to it: nobody is served before it has.
    package var largestUnapplied: UInt64 = 4_096
    /// How long a configuration may have more members than the factor: a move that its operator did not end has one too many, and all
    /// writes wait for it.
    package var patienceWithSurplus: MonotonicTime = 60_000_000
    /// About how many bytes of the log's end a replica keeps in memory.
    package var recentBytes = 4 << 20

    /// - Parameter replicationFactor: of the cluster; a majority of it is the least.
    package init(replicationFactor: Int) {
        self.replicationFactor = replicationFactor
        minimumReplicas = replicationFactor / 2 + 1
    }
}
