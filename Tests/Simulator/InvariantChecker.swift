internal import DequeModule
internal import Model
internal import Placement
internal import Replication

/// What must hold at every step, whatever happens. `docs/replication.md` has the list.
struct InvariantChecker {
    private struct EntryName: Hashable {
        let partition: PartitionID
        let epoch: UInt64
        let index: LogIndex
    }

    private struct Position: Hashable {
        let partition: PartitionID
        let index: LogIndex
    }

    private var payloads: [EntryName: [UInt8]] = [:]
    private var applied: [Position: (entry: ReplicatedEntry, hash: UInt64)] = [:]
    /// The newest entry whose effect a client may know of: acknowledged, or applied where reads are answered.
    private var newestVisible: [PartitionID: LogIndex] = [:]
    /// Since when which entry was the newest such one, as far back as replicas may be behind.
    private var visible: [PartitionID: Deque<(since: UInt64, index: LogIndex)>] = [:]
    private(set) var mail = MailChecker()
    /// Partitions that an operator has let go on with too few members.
    private var forced: Set<PartitionID> = []
    /// How often a secondary could be read.
    private(set) var readsElsewhere = 0
    /// The first thing that did not hold.
    private(set) var violation: String?

    mutating func fail(_ what: String) {
        if violation == nil { violation = what }
    }

    /// One epoch and index never name two commands.
    mutating func noteWritten(_ entries: [ReplicatedEntry], in partition: PartitionID, by node: NodeID) {
        for entry in entries {
            let name = EntryName(partition: partition, epoch: entry.epoch, index: entry.index)
            if let other = payloads[name], other != entry.payload {
                fail("partition \(partition): epoch \(entry.epoch) index \(entry.index) names two commands; \(node)")
            }
            payloads[name] = entry.payload
        }
    }

    /// What one replica has applied at an index, all have, and their states are equal there.
    mutating func noteApplied(
        _ entry: ReplicatedEntry,
        _ hash: UInt64,
        _ effects: SimulatedMachine.Effects,
        in partition: PartitionID,
        by node: NodeID
    ) {
        let position = Position(partition: partition, index: entry.index)
        if let other = applied[position] {
            if other.entry != entry {
                fail("partition \(partition) index \(entry.index): \(node) applied another entry")
            }
            if other.hash != hash { fail("partition \(partition) index \(entry.index): \(node) differs") }
        } else {
            applied[position] = (entry, hash)
            if let id = effects.repeatedID {
                fail("partition \(partition) index \(entry.index): id \(id) is not larger than all before it")
            }
            mail.note(effects, of: partition)
            if let violation = mail.violation { fail(violation) }
        }
    }

    /// A destination says that it has taken a letter: it has.
    mutating func checkReceipt(_ receipt: MailReceipt, of destination: PartitionID) {
        if !mail.isTaken(receipt, by: destination) {
            fail("partition \(destination) has not taken what \(receipt) says")
        }
    }

    mutating func noteForced(_ partition: PartitionID) { forced.insert(partition) }

    mutating func noteAcknowledged(_ index: LogIndex, in partition: PartitionID, now: UInt64) {
        guard index > newestVisible[partition] ?? 0 else { return }
        newestVisible[partition] = index
        visible[partition, default: []].append((now, index))
    }

    /// A secondary that may be read lacks nothing that anybody was told longer ago than it may be behind, by its own clock.
    ///
    /// - Parameters:
    ///   - staleness: how far a secondary may be behind.
    ///   - longest: the same in true time, by the slowest clock that there may be.
    mutating func checkReadsElsewhere(
        _ nodes: some Sequence<SimulatedNode>,
        _ partition: PartitionID,
        staleness: MonotonicTime,
        longest: UInt64,
        now: UInt64
    ) {
        while let next = visible[partition]?.dropFirst().first, next.since + longest <= now {
            visible[partition]?.removeFirst()
        }
        guard let told = visible[partition] else { return }
        for node in nodes where node.isUp && node.pausedUntil <= now {
            guard let replica = node.replicas[partition], let applied = node.machines[partition]?.applied,
                replica.mayReadBehind(applied: applied, now: node.now)
            else { continue }
            let mayLack = min(longest, node.trueTime(of: staleness))
            guard let old = told.last(where: { $0.since + mayLack <= now }) else { continue }
            readsElsewhere += 1
            if applied < old.index {
                fail("partition \(partition): \(node.id) is read at \(applied), and \(old.index) is old")
            }
        }
    }

    /// Fewer members than the least could go on with what nobody else has.
    mutating func check(_ map: PartitionMap, least: Int) {
        for (number, configuration) in map.configurations.enumerated()
        where configuration.replicas.count < least && !forced.contains(PartitionID(UInt16(number))) {
            fail("partition \(number) has only \(configuration.replicas.count) members in epoch \(configuration.epoch)")
        }
    }

    /// At most one replica of a partition serves, and it has all that any client may know of.
    mutating func check(_ nodes: some Sequence<SimulatedNode>, _ partitions: [PartitionID], now: UInt64) {
        for partition in partitions {
            var serving: NodeID?
            for node in nodes where node.isUp && node.pausedUntil <= now {
                guard let replica = node.replicas[partition], node.mayRead(replica) else { continue }
                if let other = serving { fail("partition \(partition): \(other) and \(node.id) both serve") }
                serving = node.id
                let newest = newestVisible[partition] ?? 0
                if replica.lastIndex < newest {
                    fail("partition \(partition): \(node.id) serves without entry \(newest)")
                }
                noteAcknowledged(node.machines[partition]?.applied ?? 0, in: partition, now: now)
            }
        }
    }
}
