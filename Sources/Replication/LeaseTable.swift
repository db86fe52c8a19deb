package import Model
package import Placement

/// The leases of one node: those that it holds from the secondaries of its primaries, and those that it grants to the
/// primaries of its secondaries. One pair of nodes exchanges beacons for all partitions that they share.
///
/// Time is what makes it safe, and only differences on one clock are used: the holder counts from when it *sent* a
/// beacon, the grantor from when it *received* one, and the grantor waits longer (Gray and Cheriton, 1989, for pairs).
/// Pure: it is told the time.
package struct LeaseTable: Sendable {
    /// What a peer has promised this node.
    private struct Held: Sendable {
        /// The newest session that the peer has named.
        var session: UInt64 = 0
        /// When this node left a session: replies to beacons from before do not bring it back.
        var leftAt: MonotonicTime = 0
        /// By session, what it promises: one that has ended still holds until its time is over.
        var promises: [UInt64: Promise] = [:]
        var wanted: [PartitionID: UInt64] = [:]
    }

    private struct Promise: Sendable {
        var until: MonotonicTime
        /// By partition, the epoch that was asked for.
        var covered: [PartitionID: UInt64] = [:]
    }

    /// What this node has promised a peer.
    private struct Given: Sendable {
        /// 0 where none is open.
        var session: UInt64 = 0
        /// Whether a beacon has named the session: the peer knows of it.
        var isKnown = false
        var covered: Set<PartitionID> = []
        /// When a beacon came last.
        var lastHeard: MonotonicTime = 0
        /// When a partition that is not covered was last covered.
        var lastPromised: [PartitionID: MonotonicTime] = [:]
        /// When a partition was last asked for.
        var lastWanted: [PartitionID: MonotonicTime] = [:]
        /// Of the newest beacon, so that late and repeated ones promise nothing.
        var run: UInt64 = 0
        var sentAt: MonotonicTime = 0

        mutating func end() {
            for partition in covered {
                lastPromised[partition] = lastHeard
            }
            session = 0
            isKnown = false
            covered = []
        }

        /// When something was last promised for a partition.
        func lastPromised(for partition: PartitionID) -> MonotonicTime {
            covered.contains(partition) ? lastHeard : lastPromised[partition] ?? 0
        }

        /// When the peer last was, or wanted to be, the primary of a partition.
        func lastHeard(for partition: PartitionID) -> MonotonicTime {
            max(lastPromised(for: partition), lastWanted[partition] ?? 0)
        }
    }

    private let times: ReplicationTimes
    private let run: UInt64
    private let startedAt: MonotonicTime
    private var held: [NodeID: Held] = [:]
    private var given: [NodeID: Given] = [:]
    private var lastSession: UInt64
    /// The newest epoch of each partition that this node knows of.
    private var epochs: [PartitionID: UInt64] = [:]
    /// Partitions that this node claims, with the epoch that it wants to end.
    private var claims: [PartitionID: UInt64] = [:]

    /// - Parameter run: 64 random bits that name this run of the node. Sessions are counted from there: two runs' must not
    ///   meet.
    package init(times: ReplicationTimes, run: UInt64, now: MonotonicTime) {
        self.times = times
        self.run = run
        startedAt = now
        lastSession = run
    }

    // MARK: What this node holds

    /// Says which partitions need a peer's lease, each with the epoch in which this node is its primary.
    package mutating func want(_ partitions: [PartitionID: UInt64], from peer: NodeID, now: MonotonicTime) {
        guard held[peer] != nil || !partitions.isEmpty else { return }
        var lease = held[peer] ?? Held()
        // The peer must not take it for a sign that this node leads what it no longer leads.
        if lease.session != 0, lease.wanted.keys.contains(where: { partitions[$0] == nil }) {
            lease.leftAt = now
            lease.session = 0
        }
        lease.wanted = partitions
        lease.promises = lease.promises.mapValues { promise in
            var promise = promise
            promise.covered = promise.covered.filter { partition, epoch in
                partitions[partition].map { epoch <= $0 } ?? false
            }
            return promise
        }
        held[peer] = lease
    }

    /// The peers that are to be sent beacons.
    package var beaconPeers: [NodeID] { held.filter { !$0.value.wanted.isEmpty }.keys.sorted() }

    package func beacon(to peer: NodeID, now: MonotonicTime) -> Beacon {
        let lease = held[peer] ?? Held()
        let covered = lease.promises[lease.session]?.covered ?? [:]
        let missing = lease.wanted.filter { covered[$0.key] == nil }
        return Beacon(
            run: run,
            session: lease.session,
            sentAt: now,
            wants: missing.map { CoveredPartition(partition: $0.key, epoch: $0.value) }
                .sorted { $0.partition < $1.partition }
        )
    }

    /// - Returns: whether the next beacon is to name another session, so that it covers something soon. Not for a reply to a beacon
    ///   from before this node left a session: many of those may be on their way, and would lead to as many beacons again.
    @discardableResult
    package mutating func receive(_ reply: BeaconReply, from peer: NodeID, now: MonotonicTime) -> Bool {
        // Nothing was sent later than now.
        guard reply.run == run, reply.sentAt <= now, var lease = held[peer] else { return false }
        let session = lease.session
        lease.promises = lease.promises.filter { $0.key == lease.session || $0.value.until > now }
        if reply.sentAt >= lease.leftAt { lease.session = reply.session }
        var promise = lease.promises[reply.session] ?? Promise(until: 0)
        promise.until = max(promise.until, reply.sentAt + times.lease)
        for covered in reply.covers where lease.wanted[covered.partition].map({ covered.epoch <= $0 }) ?? false {
            promise.covered[covered.partition] = covered.epoch
        }
        lease.promises[reply.session] = promise
        held[peer] = lease
        return lease.session != session
    }

    /// Until when a peer's promise lets this node serve a partition; nil where there is none.
    package func leaseEnd(from peer: NodeID, for partition: PartitionID) -> MonotonicTime? {
        held[peer]?.promises.values.filter { $0.covered[partition] != nil }.map(\.until).max()
    }

    // MARK: What this node grants

    /// - Returns: nil where a newer beacon has come before.
    package mutating func receive(_ beacon: Beacon, from peer: NodeID, now: MonotonicTime) -> BeaconReply? {
        var grant = given[peer] ?? Given()
        guard beacon.run != grant.run || beacon.sentAt > grant.sentAt else { return nil }
        grant.run = beacon.run
        grant.sentAt = beacon.sentAt
        var covers: [CoveredPartition] = []
        if grant.session != 0, grant.session == beacon.session {
            grant.isKnown = true
            covers = beacon.wants.filter { mayCover($0) }
            grant.covered.formUnion(covers.map(\.partition))
        } else if grant.session == 0 || grant.isKnown {
            // A beacon of another session keeps up nothing that this one covers. A session that the peer cannot know of
            // yet stands: with one for each beacon on its way, none would ever be the newest.
            grant.end()
            lastSession &+= 1
            grant.session = max(1, lastSession)
        }
        grant.lastHeard = now
        for wanted in beacon.wants {
            grant.lastWanted[wanted.partition] = now
        }
        given[peer] = grant
        return BeaconReply(run: beacon.run, sentAt: beacon.sentAt, session: grant.session, covers: covers)
    }

    /// A claim that nobody has decided may be granted at any moment, and a newer epoch has been.
    private func mayCover(_ wanted: CoveredPartition) -> Bool {
        guard claims[wanted.partition] == nil, let epoch = epochs[wanted.partition] else { return false }
        return epoch <= wanted.epoch
    }

    /// When all that this node may have promised a partition's primary is over, whatever the primary's clock says, if it
    /// is not heard of again. A node that has just started has heard nothing, and its run before may have promised
    /// anything.
    package func graceEnd(of peer: NodeID, for partition: PartitionID) -> MonotonicTime {
        max(given[peer]?.lastHeard(for: partition) ?? 0, startedAt) + times.grace
    }

    /// When nothing that this node has promised about a partition can hold any more, if it promises nothing new.
    package func promiseEnd(for partition: PartitionID) -> MonotonicTime {
        given.values.reduce(startedAt) { max($0, $1.lastPromised(for: partition)) } + times.grace
    }

    /// Ends what was promised to a peer, so that no later beacon extends it, and covers a partition for nobody until the
    /// epoch has passed the one that is to end.
    package mutating func beginClaim(of partition: PartitionID, ending epoch: UInt64, of peer: NodeID) {
        given[peer]?.end()
        claims[partition] = epoch
    }

    /// This node has learnt of a partition's configuration, which decides its claims on earlier ones. Sessions with other
    /// nodes than the primary cover it no longer: one that does not know that it was deposed must not be kept up.
    package mutating func learn(_ configuration: PartitionMap.Configuration, of partition: PartitionID) {
        epochs[partition] = max(epochs[partition] ?? 0, configuration.epoch)
        if let claimed = claims[partition], claimed < configuration.epoch { claims[partition] = nil }
        for (peer, grant) in given where peer != configuration.primary && grant.covered.contains(partition) {
            given[peer]?.end()
        }
    }
}
