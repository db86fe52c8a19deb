internal import Log
internal import Logging
internal import Model
internal import Partitions
internal import Replication
internal import Store

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

    /// - Throws: `LogError.corruption` where the log is damaged; the node must not start then.
    func openLog(into database: Database, observer: @escaping @Sendable (LogSync) -> Void) throws -> Result {
        let cluster = try identity.cluster()
        var partitions: [PartitionID: Recovering] = [:]
        var stopped: [PartitionID: PartitionFailure] = [:]
        /// Whose last record says that nothing of them is left: what was before it may have been applied again.
        var removed: Set<PartitionID> = []
        var replayed = 0
        var stagedBytes = 0
        let (writer, recovery) = try LogWriter.open(
            fileSystem: LocalFileSystem(path: try directory.subdirectory("log")),
            segmentBytes: settings.segmentBytes
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
        for id in removed {
            try Partition.erase(id, in: database)
        }
        var logs: [PartitionID: RecoveredLog] = [:]
        for (id, one) in partitions where stopped[id] == nil {
            do throws(PartitionFailure) {
                try one.partition.finishReplay()
                var log = one.log
                try log.finish(applied: one.partition.appliedIndex, epoch: one.partition.lastEpoch)
                logs[id] = log
            } catch {
                if error.isOutOfSpace { throw error }
                stopped[id] = error
            }
        }
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
