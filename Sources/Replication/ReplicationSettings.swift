/// How a partition's replicas behave; the same on every node of a cluster.
package struct ReplicationSettings: Hashable, Sendable {
    package var times = ReplicationTimes.standard
    /// A configuration is never made smaller than this.
    package var minimumReplicas = 1
    /// Entries that a replica may be sent before it has acknowledged earlier ones.
    package var window: UInt64 = 4_096
    /// Entries in one message.
    package var entriesPerMessage = 512
    /// About how many bytes of the log's end a replica keeps in memory.
    package var recentBytes = 4 << 20

    package init() {}
}
