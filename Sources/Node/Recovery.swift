internal import Log
internal import Logging
internal import MapStorage
internal import Model
internal import Partitions
internal import Placement
internal import Replication
internal import Store

/// A member that has lost entries, and that its partition cannot do without before another node has its place.
struct CannotBeLeftOut: Error {
    let partition: PartitionID
}

/// Opening a node's log: what it holds beyond the store's state, and is known to be committed, is applied again.
struct Recovery {
    /// Bytes of entries that may wait in memory to be written to the store, in all partitions.
    private static let largestStagedBytes = 16 << 20

    /// What was found.
    struct Result {
        let log: GroupCommitLog
        let logs: [PartitionID: RecoveredLog]
        /// Partitions whose entries cannot be applied: they must stay closed.
        let stopped: [PartitionID: PartitionFailure]
    }

    /// A partition while its part of the log is read.
    private struct Recovering {
        let partition: Partition
        var log = RecoveredLog()
    }

    let directory: DataDirectory
    let identity: NodeIdentity
    let settings: NodeSettings
    let logger: Logger
    let lostEntries: LostEntries
    /// Whether damage in the log is passed over, and what may be missing noted in `lostEntries`.
    let passesOverDamage: Bool

    /// - Throws: `LogError.corruption` where the log is damaged and must not be.
    func openLog(into database: Database, observer: @escaping @Sendable (LogSync) -> Void) throws -> Result {
        let cluster = try identity.cluster()
        let lostBefore = lostEntries.partitions
        try checkThatOthersAreThere(without: lostBefore)
        var partitions: [PartitionID: Recovering] = [:]
        var stopped: [PartitionID: PartitionFailure] = [:]
        /// Whose last record says that nothing of them is left: what was before it may have been applied again.
        var removed: Set<PartitionID> = []
        var replayed = 0
        var stagedBytes = 0
        var continuity = LogContinuity()
        let passesOver = { (error: LogError) in
            logger.critical("damage in the log is passed over", metadata: ["error": "\(error)"])
            continuity.noteDamage()
        }
        if passesOverDamage { try lostEntries.beginToPassOverDamage() }
        let (writer, recovery) = try LogWriter.open(
            fileSystem: LocalFileSystem(path: try directory.subdirectory("log")),
            segmentBytes: settings.segmentBytes,
            passingOver: passesOverDamage ? passesOver : nil
        ) { record throws(LogError) in
            guard let layout = cluster?.layout else {
                throw .inputOutput("the log holds entries, but the file CLUSTER is missing")
            }
            if [.forgotten, .removed].contains(record.content) {
                // Whatever was wrong with what came before counts no longer.
                let before = partitions.removeValue(forKey: record.partition)
                if stopped.removeValue(forKey: record.partition) == nil {
                    // What its home lists lack is known now, and not to the next one that is opened.
                    do { try before?.partition.finishReplay() } catch { throw .inputOutput("\(error)") }
                }
            }
            // What is written behind that is of a partition that has come back, and the store may be further than it.
            guard record.content != .removed else {
                _ = continuity.verdict(on: record, stored: 0)
                removed.insert(record.partition)
                return
            }
            removed.remove(record.partition)
            guard stopped[record.partition] == nil else { return }
            do throws(PartitionFailure) {
                // Taken out: taking a record must not copy what waits.
                let known = partitions.removeValue(forKey: record.partition)
                var one: Recovering
                if let known { one = known } else { one = try open(record.partition, layout, database) }
                defer { partitions[record.partition] = one }
                let partition = one.partition
                switch continuity.verdict(on: record, stored: partition.storedIndex) {
                case .next: break
                case .beginning: one.log = RecoveredLog()
                case .torn: return
                }
                try one.log.take(record, applied: partition.appliedIndex) { entry throws(PartitionFailure) in
                    guard try replay(entry, in: partition) else { return }
                    replayed += 1
                    stagedBytes += entry.payload.count
                }
            } catch {
                // A full disk concerns all partitions, and passes: the node is to be started again.
                if error.isOutOfSpace { throw .inputOutput(error.description) }
                stopped[record.partition] = error
            }
            guard stagedBytes >= Recovery.largestStagedBytes else { return }
            stagedBytes = 0
            for (id, one) in partitions where stopped[id] == nil {
                do throws(PartitionFailure) {
                    _ = try one.partition.commit()
                } catch {
                    if error.isOutOfSpace { throw .inputOutput(error.description) }
                    stopped[id] = error
                }
            }
        }
        // Where something may be missing behind the note, it may have come back.
        for id in removed where continuity.isWhole(id) {
            try Partition.erase(id, in: database)
        }
        // What the run before has found damaged, and this one does not find, may have been cut off.
        if lostEntries.wasInterrupted, !continuity.hasDamage { continuity.noteDamage() }
        let torn = try tornPartitions(continuity, found: Set(partitions.keys), in: database)
        try checkThatOthersAreThere(without: torn)
        var logs: [PartitionID: RecoveredLog] = [:]
        for (id, one) in partitions where stopped[id] == nil {
            do throws(PartitionFailure) {
                try one.partition.finishReplay(lacksEntries: torn.contains(id))
                var log = torn.contains(id) ? RecoveredLog() : one.log
                try log.finish(applied: one.partition.appliedIndex, epoch: one.partition.lastEpoch)
                logs[id] = log
            } catch {
                if error.isOutOfSpace { throw error }
                stopped[id] = error
            }
        }
        if passesOverDamage { try note(torn, besides: lostBefore, in: database, writer) }
        if let truncation = recovery.truncation {
            logger.warning("torn log tail", metadata: ["what": "\(truncation)"])
        }
        logger.notice(
            "log open",
            metadata: [
                "segments": "\(recovery.segments)", "records": "\(recovery.records)", "replayed": "\(replayed)",
            ]
        )
        let log = GroupCommitLog(
            writer: writer,
            durability: settings.durability,
            queueBytes: settings.logQueueBytes,
            observer: observer
        )
        return Result(log: log, logs: logs, stopped: stopped)
    }

    /// What the node remembers of the map; an empty one where it cannot be read.
    private func rememberedMap() -> PartitionMap { (try? MapStore(directory: directory).load()) ?? PartitionMap() }

    /// The partitions that this node may have acknowledged entries of that are not in its log.
    private func tornPartitions(
        _ continuity: LogContinuity,
        found: Set<PartitionID>,
        in database: Database
    ) throws -> Set<PartitionID> {
        guard continuity.hasDamage, let layout = try identity.cluster()?.layout else { return [] }
        let map = rememberedMap()
        return Set(
            try layout.partitions.filter { id in
                guard !continuity.isWhole(id) else { return false }
                // Where it had no part, and of which it has nothing, there was nothing to lose.
                let isKnown = map.configuration(of: id) != nil
                let hasPart =
                    map.configuration(of: id)?.replicas.contains(identity.node) == true
                    || map.learners[id]?.contains(identity.node) == true
                return try !isKnown || hasPart || found.contains(id) || Partition.isStored(id, in: database)
            }
        )
    }

    /// - Throws: `CannotBeLeftOut` where a partition could not do without this node, as far as it remembers the map.
    private func checkThatOthersAreThere(without lost: Set<PartitionID>) throws {
        guard !lost.isEmpty, let cluster = try identity.cluster() else { return }
        let minimum = ReplicationSettings(replicationFactor: cluster.replicationFactor).minimumReplicas
        let map = rememberedMap()
        for id in lost.sorted() {
            guard let replicas = map.configuration(of: id)?.replicas,
                !replicas.contains(identity.node) || replicas.count > minimum
            else { throw CannotBeLeftOut(partition: id) }
        }
    }

    /// Notes which partitions may lack entries that were acknowledged, and in the log that what it has of them counts no longer: their
    /// stores are what they begin with, and must be written out before.
    private func note(
        _ torn: Set<PartitionID>,
        besides lostBefore: Set<PartitionID>,
        in database: Database,
        _ writer: LogWriter
    ) throws {
        if !torn.isEmpty { try database.flush() }
        try lostEntries.replace(with: lostBefore.union(torn))
        guard !torn.isEmpty else { return }
        try writer.append(torn.sorted().map { .forgotten($0) })
        try writer.sync()
        logger.critical(
            "partitions may lack entries that were damaged: they are filled again, and the others serve",
            metadata: ["partitions": "\(torn.sorted().map(\.description).joined(separator: ","))"]
        )
    }

    private func open(
        _ id: PartitionID,
        _ layout: PartitionLayout,
        _ database: Database
    ) throws(PartitionFailure) -> Recovering {
        Recovering(
            partition: try Partition(
                id: id,
                layout: layout,
                database: database,
                settings: settings.partition(amongst: Int(layout.count)),
                incarnation: 0
            )
        )
    }

    /// - Returns: whether the store lacked the entry.
    private func replay(_ entry: ReplicatedEntry, in partition: Partition) throws(PartitionFailure) -> Bool {
        guard partition.needs(entry.index) else { return false }
        return try partition.replay(try entry.command(), at: entry.index, epoch: entry.epoch)
    }
}

extension ReplicatedEntry {
    /// What the entry makes its partition do; nil for one that only begins an epoch.
    func command() throws(PartitionFailure) -> LogEntry? {
        if payload.isEmpty { return nil }
        do throws(BinaryDecodingError) {
            return try LogEntry(decoding: payload)
        } catch {
            throw .damaged("entry \(index): \(error)")
        }
    }
}
