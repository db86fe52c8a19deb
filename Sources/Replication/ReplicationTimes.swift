/// Microseconds of a clock that never steps and counts suspends (CLOCK_BOOTTIME). Each node has its own; no node's is
/// compared with another's.
public typealias MonotonicTime = UInt64

/// The times of the protocol, in microseconds. The same on every node of a cluster.
public struct ReplicationTimes: Hashable, Sendable {
    /// How often nodes tell each other that they are there.
    public let beacon: MonotonicTime
    /// How long a primary may serve after it has sent a beacon that was acknowledged.
    public let lease: MonotonicTime
    /// How long a secondary waits after a beacon has come before it claims the primary's place. Longer than `lease`
    /// by more than two clocks drift apart meanwhile.
    public let grace: MonotonicTime
    /// How long a member may leave entries unacknowledged before it is left out.
    public let acknowledgement: MonotonicTime
    /// How long until something that was not answered is sent again.
    public let retry: MonotonicTime

    /// How far behind, at most, a secondary is that answers reads which need not see the newest.
    public var staleness: MonotonicTime { lease }

    /// How long a replica that nobody lacks is kept: its node may only not have been heard of for a moment.
    public var patienceWithDispensable: MonotonicTime { 3 * acknowledgement }
    /// A primary that leaves waits for a secondary that has applied its log; then it takes the one that has most of it. Whoever ends
    /// the node waits for twice that.
    public var patienceWithSuccessor: MonotonicTime { lease }

    public static let standard = ReplicationTimes(
        beacon: 200_000,
        lease: 1_000_000,
        grace: 1_400_000,
        acknowledgement: 1_000_000,
        retry: 200_000
    )

    public init(
        beacon: MonotonicTime,
        lease: MonotonicTime,
        grace: MonotonicTime,
        acknowledgement: MonotonicTime,
        retry: MonotonicTime
    ) {
        self.beacon = beacon
        self.lease = lease
        self.grace = grace
        self.acknowledgement = acknowledgement
        self.retry = retry
    }
}
