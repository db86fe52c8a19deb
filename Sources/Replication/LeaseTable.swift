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
        /// The session that this node has left: it is not taken up again, whatever comes late.
        var abandoned: UInt64 = 0
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
        var covered: Set<PartitionID> = []
        /// When a beacon came last.
        var lastHeard: MonotonicTime = 0
        /// When a partition that is not covered was last covered or asked for.
        var lastWanted: [PartitionID: MonotonicTime] = [:]
        /// Of the newest beacon, so that late and repeated ones promise nothing.
        var run: UInt64 = 0
        var sentAt: MonotonicTime = 0

        mutating func end() {
            for partition in covered {
                lastWanted[partition] = lastHeard
            }
            session = 0
            covered = []
        }

        /// When the peer last was, or wanted to be, the primary of a partition.
        func lastHeard(for partition: PartitionID) -> MonotonicTime {
            covered.contains(partition) ? lastHeard : lastWanted[partition] ?? 0
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

    /// - Parameter run: names this run of the node; different from any earlier one's.
    package init(times: ReplicationTimes, run: UInt64, now: MonotonicTime) {
        self.times = times
        self.run = run
        startedAt = now
        lastSession = run
    }

    // MARK: What this node holds

    /// Says which partitions need a peer's lease, each with the epoch in which this node is its primary.
    package mutating func want(_ partitions: [PartitionID: UInt64], from peer: NodeID) {
        guard held[peer] != nil || !partitions.isEmpty else { return }
        var lease = held[peer] ?? Held()
        // The peer must not take it for a sign that this node leads what it no longer leads.
        if lease.session != 0, lease.wanted.keys.contains(where: { partitions[$0] == nil }) {
            lease.abandoned = lease.session
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

    package mutating func receive(_ reply: BeaconReply, from peer: NodeID, now: MonotonicTime) {
        guard reply.run == run, var lease = held[peer] else { return }
        lease.promises = lease.promises.filter { $0.key == lease.session || $0.value.until > now }
        if reply.session != lease.abandoned { lease.session = reply.session }
        var promise = lease.promises[reply.session] ?? Promise(until: 0)
        promise.until = max(promise.until, reply.sentAt + times.lease)
        for covered in reply.covers where lease.wanted[covered.partition].map({ covered.epoch <= $0 }) ?? false {
            promise.covered[covered.partition] = covered.epoch
        }
        lease.promises[reply.session] = promise
        held[peer] = lease
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
        // A beacon of another session keeps up nothing that this one covers.
        if grant.session == 0 || grant.session != beacon.session {
            grant.end()
            lastSession &+= 1
            grant.session = max(1, lastSession)
        } else {
            covers = beacon.wants.filter { mayCover($0) }
            grant.covered.formUnion(covers.map(\.partition))
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

    /// The same for whoever may have been the primary.
    package func promiseEnd(for partition: PartitionID) -> MonotonicTime {
        given.values.reduce(startedAt) { max($0, $1.lastHeard(for: partition)) } + times.grace
    }

    /// Ends what was promised to a peer, so that no later beacon extends it, and covers a partition for nobody until the
    /// epoch has passed the one that is to end.
    package mutating func beginClaim(of partition: PartitionID, ending epoch: UInt64, of peer: NodeID) {
        given[peer]?.end()
        claims[partition] = epoch
    }

    /// Ends every session that covers a partition: this node is its primary now.
    package mutating func endGrants(for partition: PartitionID) {
        for peer in given.keys where given[peer]?.covered.contains(partition) == true {
            given[peer]?.end()
        }
    }

    /// This node has learnt of a partition's configuration, which decides its claims on earlier ones.
    package mutating func learn(_ epoch: UInt64, of partition: PartitionID) {
        epochs[partition] = max(epochs[partition] ?? 0, epoch)
        if let claimed = claims[partition], claimed < epoch { claims[partition] = nil }
    }
}
