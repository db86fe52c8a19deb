internal import Model
internal import Randomness
internal import Replication

/// What a node has on its disk: one log for all its partitions, and of each the state that was written out last. A crash
/// takes what was not synced, from some point on.
struct SimulatedDisk {
    private struct Write {
        let number: UInt64
        let partition: PartitionID
        let after: LogIndex
        let entries: [ReplicatedEntry]
    }

    /// One partition's part.
    fileprivate struct Part {
        /// The log's entries begin behind this one.
        var base: LogIndex = 0
        var baseEpoch: UInt64 = 0
        var entries: [ReplicatedEntry] = []
        var stored = SimulatedMachine()
    }

    private var parts: [PartitionID: Part] = [:]
    private var unsynced: [Write] = []
    /// Of the last write.
    private(set) var lastNumber: UInt64 = 0
    /// Whether writes and syncs fail from now on.
    var hasFailed = false
    /// The partitions of which a record of the log is not what was written: it cannot be read back, and a start finds it.
    var damaged: Set<PartitionID> = []
    /// The partitions that have lost entries, as it is noted beside the log.
    var lost: Set<PartitionID> = []
    /// What they had before.
    private var former: [PartitionID: Part] = [:]

    mutating func write(_ entries: [ReplicatedEntry], after: LogIndex, in partition: PartitionID) {
        lastNumber += 1
        unsynced.append(Write(number: lastNumber, partition: partition, after: after, entries: entries))
    }

    /// Makes the writes up to a number durable.
    mutating func sync(upTo number: UInt64) {
        let synced = unsynced.prefix { $0.number <= number }
        for write in synced {
            parts[write.partition, default: Part()].replace(write.entries, after: write.after)
        }
        unsynced.removeFirst(synced.count)
    }

    /// The process is gone; the system writes some of what it has. Of the write that it was in the middle of nothing counts, because its
    /// checksum does not match.
    ///
    /// - Returns: whether there was such a write.
    mutating func crash(using random: inout SeededGenerator) -> Bool {
        if !hasFailed { sync(upTo: lastNumber - UInt64.random(in: 0...UInt64(unsynced.count), using: &random)) }
        defer {
            unsynced = []
            hasFailed = false
        }
        return !unsynced.isEmpty && !hasFailed
    }

    /// What is left where bytes of the log are not what was written: the log is set aside, and the rest is a stranger's.
    func withoutLog() -> SimulatedDisk {
        var disk = SimulatedDisk()
        disk.parts = parts.mapValues { $0.withoutEntries() }
        return disk
    }

    /// Of the damaged partitions nothing counts but what was written out.
    mutating func loseWhatIsDamaged() {
        for partition in damaged {
            let part = parts[partition] ?? Part()
            former[partition] = part
            parts[partition] = part.withoutEntries()
        }
        lost.formUnion(damaged)
        damaged = []
    }

    /// The log as it would be found now: where it begins and the epochs of what it holds.
    func log(of partition: PartitionID) -> EpochTable {
        let part = parts[partition] ?? Part()
        var table = EpochTable(startingBehind: part.base, epoch: part.baseEpoch)
        for entry in part.entries {
            table.append(epoch: entry.epoch)
        }
        return table
    }

    func stored(of partition: PartitionID) -> SimulatedMachine { parts[partition]?.stored ?? SimulatedMachine() }

    /// Entries of the log, those not yet synced included; nil where it begins later.
    func entries(of partition: PartitionID, from first: LogIndex, limit: Int) -> (previous: UInt64, [ReplicatedEntry])?
    {
        var part = parts[partition] ?? Part()
        for write in unsynced where write.partition == partition {
            part.replace(write.entries, after: write.after)
        }
        guard first > part.base, let previous = part.epoch(at: first - 1) else { return nil }
        return (previous, Array(part.entries.dropFirst(Int(first - 1 - part.base)).prefix(limit)))
    }

    /// Whether an entry would still be there after a crash, or would if it had not been lost.
    func holds(_ entry: ReplicatedEntry, in partition: PartitionID) -> Bool {
        [parts[partition], former[partition]].compactMap(\.self).contains { part in
            part.stored.applied >= entry.index || part.epoch(at: entry.index) == entry.epoch
        }
    }

    /// Writes a state out; the log before it is no longer needed.
    mutating func store(_ machine: SimulatedMachine, in partition: PartitionID, trimsLog: Bool) {
        var part = parts[partition] ?? Part()
        part.stored = machine
        if trimsLog, machine.applied > part.base, let epoch = part.epoch(at: machine.applied) {
            part.entries.removeFirst(Int(machine.applied - part.base))
            part.base = machine.applied
            part.baseEpoch = epoch
        }
        parts[partition] = part
    }

    /// A snapshot takes the place of all that there is of a partition.
    mutating func install(_ machine: SimulatedMachine, epoch: UInt64, in partition: PartitionID) {
        unsynced.removeAll { $0.partition == partition }
        parts[partition] = Part(base: machine.applied, baseEpoch: epoch, entries: [], stored: machine)
    }
}

extension SimulatedDisk.Part {
    fileprivate func withoutEntries() -> SimulatedDisk.Part {
        SimulatedDisk.Part(base: stored.applied, baseEpoch: stored.lastEpoch, stored: stored)
    }

    fileprivate mutating func replace(_ new: [ReplicatedEntry], after: LogIndex) {
        guard after >= base else {
            // What is older than the log's beginning is applied.
            let rest = new.drop { $0.index <= base }
            if !rest.isEmpty { replace(Array(rest), after: base) }
            return
        }
        entries.removeLast(max(0, entries.count - Int(after - base)))
        entries.append(contentsOf: new)
    }

    fileprivate func epoch(at index: LogIndex) -> UInt64? {
        if index == base { return baseEpoch }
        guard index > base, index <= base + LogIndex(entries.count) else { return nil }
        return entries[Int(index - base) - 1].epoch
    }
}
