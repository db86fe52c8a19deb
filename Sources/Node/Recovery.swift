internal import Log
internal import Logging
internal import Model
internal import Partitions
internal import Store

/// Opening a node's log: what it holds beyond the store's state is applied again.
struct Recovery {
    let directory: DataDirectory
    let identity: NodeIdentity
    let settings: NodeSettings
    let logger: Logger

    /// - Returns: the log, and the partitions whose entries cannot be applied: they must stay closed.
    /// - Throws: `LogError.corruption` where the log is damaged; the node must not start then.
    func openLog(
        into database: Database,
        observer: @escaping @Sendable (LogSync) -> Void
    ) throws -> (GroupCommitLog, stopped: [PartitionID: PartitionFailure]) {
        let cluster = try identity.cluster()
        var partitions: [PartitionID: Partition] = [:]
        var stopped: [PartitionID: PartitionFailure] = [:]
        var replayed = 0
        let (writer, recovery) = try LogWriter.open(
            fileSystem: LocalFileSystem(path: try directory.subdirectory("log")),
            segmentBytes: settings.segmentBytes
        ) { record throws(LogError) in
            guard let layout = cluster?.layout else {
                throw .inputOutput("the log holds entries, but the file CLUSTER is missing")
            }
            guard stopped[record.partition] == nil else { return }
            do throws(PartitionFailure) {
                if try replay(record, &partitions, layout, database) { replayed += 1 }
            } catch {
                // A full disk concerns all partitions, and passes: the node is to be started again.
                if error.isOutOfSpace { throw .inputOutput(error.description) }
                stopped[record.partition] = error
            }
        }
        for (id, partition) in partitions where stopped[id] == nil {
            do throws(PartitionFailure) {
                try partition.finishReplay()
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
        return (log, stopped)
    }

    /// - Returns: whether the store lacked the entry.
    private func replay(
        _ record: LogRecord,
        _ partitions: inout [PartitionID: Partition],
        _ layout: PartitionLayout,
        _ database: Database
    ) throws(PartitionFailure) -> Bool {
        let partition: Partition
        if let open = partitions[record.partition] {
            partition = open
        } else {
            partition = try Partition(
                id: record.partition,
                layout: layout,
                database: database,
                settings: settings.partition(amongst: Int(layout.count)),
                incarnation: 0
            )
            partitions[record.partition] = partition
        }
        guard partition.needs(record.index) else { return false }
        let entry: LogEntry
        do throws(BinaryDecodingError) {
            entry = try LogEntry(decoding: record.payload)
        } catch {
            throw .damaged("\(error)")
        }
        return try partition.replay(entry, at: record.index)
    }
}
