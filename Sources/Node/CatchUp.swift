internal import ClusterLinks
internal import Log
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Partitions
internal import Placement
internal import Replication
internal import Store

/// Brings replicas up to date that lack more than memory has: sends them entries read back from the log, or a snapshot, and
/// takes snapshots for this loop's own.
///
/// Confined to its host's event loop.
final class CatchUp {
    private static let bytesPerRead = 2 << 20
    /// Snapshots that are sent at the same time; who is refused is tried again.
    private static let largestSending = 2
    /// A follower has so long to ask for what comes behind its snapshot.
    private static let holdAfterwards = TimeAmount.seconds(30)
    private static let longestHold = TimeAmount.minutes(30)
    /// A snapshot of which no page has come for so long is given up.
    private static let patience = TimeAmount.minutes(2)
    private static let pauseWhenFull = TimeAmount.milliseconds(500)
    private static let pauseWhenUnreadable = TimeAmount.milliseconds(500)
    /// A disk that does not give entries back for so long, which a member lacks, keeps it as long as damage would.
    private static let patienceWithDisk = TimeAmount.seconds(5)

    private unowned let host: PartitionHost
    private let resources: NodeResources
    private let links: NodeLinks
    private var sending: [PartitionID: SnapshotSender] = [:]
    /// What followers need of the log behind their snapshots, and until when it is kept for them.
    private var holds: [PartitionID: (index: LogIndex, end: NIODeadline)] = [:]
    private var receiving: [PartitionID: SnapshotReceiver] = [:]
    /// Since when a partition's entries cannot be read back, and when that was tried last.
    private var unreadable: [PartitionID: (since: NIODeadline, last: NIODeadline)] = [:]

    init(host: PartitionHost, resources: NodeResources, links: NodeLinks) {
        self.host = host
        self.resources = resources
        self.links = links
    }

    /// By partition, the entry behind which the log is to be kept for a follower.
    func heldBack(now: NIODeadline) -> [PartitionID: LogIndex] {
        holds = holds.filter { $0.value.end > now }
        return holds.mapValues(\.index)
    }

    /// Whether a snapshot of a partition is on its way here.
    func isReceiving(_ partition: PartitionID) -> Bool { receiving[partition] != nil }

    /// Gives up snapshots whose senders have given them up.
    func forgetAbandoned(now: NIODeadline) {
        receiving = receiving.filter { $0.value.lastPage + CatchUp.patience > now }
    }

    // MARK: For others

    /// Reads entries back and gives them to the replica, none where the log no longer has them.
    func readEntries(of replica: Replica, from first: LogIndex, for follower: NodeID, epoch: UInt64) {
        let partition = replica.partition.id
        let epochs = replica.state.epochs
        guard first > 0, let previous = epochs.epoch(at: first - 1) else {
            return host.eventLoop.assumeIsolated().execute {
                replica.handle(.read([], previousEpoch: 0, for: follower, epoch: epoch))
            }
        }
        let promise = host.eventLoop.makePromise(of: [LogRecord].self)
        let (reader, threads) = (resources.logReader, resources.threads)
        resources.log.extents { segments in
            threads.submit { _ in
                promise.completeWith(
                    Result {
                        try reader.entries(
                            of: partition,
                            from: first,
                            in: try segments.get(),
                            epoch: { epochs.epoch(at: $0) },
                            bytes: CatchUp.bytesPerRead
                        )
                    }
                )
            }
        }
        promise.futureResult.assumeIsolated().whenComplete { result in
            var entries: [ReplicatedEntry] = []
            switch result {
            case .success(let records):
                self.unreadable[partition] = nil
                entries = records.map { ReplicatedEntry(epoch: $0.epoch, index: $0.index, payload: $0.payload) }
            case .failure(let error as LogError)
            where error.isDamage && replica.state.isAwaited(first, by: follower, epoch: epoch):
                return replica.stop(
                    .damaged("entry \(first), which node \(follower) lacks, cannot be read back: \(error)")
                )
            case .failure(let error):
                let isAwaited = replica.state.isAwaited(first, by: follower, epoch: epoch)
                return self.retry(replica, isAwaited: isAwaited, after: error) {
                    replica.handle(.read([], previousEpoch: previous, for: follower, epoch: epoch))
                }
            }
            replica.handle(.read(entries, previousEpoch: previous, for: follower, epoch: epoch))
        }
    }

    /// Tries again after a pause; stops the partition, so that another replica leads, where a member waits for what the disk does not
    /// give back.
    private func retry(
        _ replica: Replica,
        isAwaited: Bool,
        after error: any Error,
        _ again: @escaping () -> Void
    ) {
        let partition = replica.partition.id
        let now = NIODeadline.now()
        let since = unreadable[partition].flatMap { $0.last + CatchUp.patienceWithDisk > now ? $0.since : nil }
        unreadable[partition] = (since ?? now, now)
        if since == nil {
            // A segment may have been removed meanwhile.
            resources.logger.warning(
                "entries cannot be read back; learners are sent a snapshot",
                metadata: ["partition": "\(partition)", "error": "\(error)"]
            )
        }
        if isAwaited, let since, now - since > CatchUp.patienceWithDisk {
            unreadable[partition] = nil
            return replica.stop(.damaged("entries that a member lacks cannot be read back: \(error)"))
        }
        host.eventLoop.assumeIsolated().scheduleTask(in: CatchUp.pauseWhenUnreadable) { again() }
    }

    func sendSnapshot(of replica: Replica, to follower: NodeID, epoch: UInt64) {
        let partition = replica.partition.id
        guard sending[partition] == nil, sending.count < CatchUp.largestSending,
            let snapshot = replica.partition.snapshot()
        else {
            host.eventLoop.assumeIsolated().scheduleTask(in: CatchUp.pauseWhenFull) {
                replica.handle(.snapshotEnded(for: follower, epoch: epoch))
            }
            return
        }
        let metadata: Logger.Metadata = [
            "partition": "\(partition)", "index": "\(snapshot.index)", "to": "\(follower)",
        ]
        resources.logger.notice("snapshot begins", metadata: metadata)
        let sender = SnapshotSender(
            snapshot,
            of: partition,
            epoch: epoch,
            from: resources.node,
            to: follower,
            eventLoop: host.eventLoop,
            threads: resources.threads,
            links: links,
            isWanted: { replica.state.configuration.epoch == epoch && replica.failure == nil },
            completion: { result in
                self.sending[partition] = nil
                self.holds[partition]?.end = .now() + CatchUp.holdAfterwards
                self.noteEnd(result, metadata)
                guard case .failure = result else {
                    return replica.handle(.snapshotEnded(for: follower, epoch: epoch))
                }
                // Whoever refuses it refuses the next one too, at once.
                self.host.eventLoop.assumeIsolated().scheduleTask(in: CatchUp.pauseWhenFull) {
                    replica.handle(.snapshotEnded(for: follower, epoch: epoch))
                }
            }
        )
        sending[partition] = sender
        holds[partition] = (snapshot.index, .now() + CatchUp.longestHold)
        sender.start()
    }

    private func noteEnd(_ result: Result<(), SnapshotFailure>, _ metadata: Logger.Metadata) {
        switch result {
        case .success: resources.logger.notice("snapshot sent", metadata: metadata)
        case .failure(let failure):
            resources.logger.warning(
                "snapshot not sent",
                metadata: metadata.merging(["failure": "\(failure)"]) { first, _ in first }
            )
        }
    }

    // MARK: For this node

    /// Takes a page of a snapshot; `completion` is given nil where it is written down, or, of the last page, taken in.
    func receive(_ page: SnapshotPage, for replica: Replica, completion: @escaping (Refusal?) -> Void) {
        guard page.recipient == resources.node, replica.mayInstall(page) else {
            receiving[page.partition] = nil
            return completion(.invalid("partition \(page.partition) needs no such snapshot here"))
        }
        if page.number == 0, receiving[page.partition]?.stream != page.stream {
            receiving[page.partition] = SnapshotReceiver(
                stream: page.stream,
                partition: page.partition,
                directory: resources.snapshotDirectory,
                eventLoop: host.eventLoop,
                threads: resources.threads
            )
        }
        guard let receiver = receiving[page.partition], receiver.stream == page.stream else {
            return completion(.invalid("partition \(page.partition): not the snapshot that is being received"))
        }
        receiver.take(page) { refusal in
            guard refusal == nil, page.records.isEmpty else { return completion(refusal) }
            // The last page is asked for again: nothing is taken away before the log takes what follows.
            if let refusal = self.host.logRefusal { return completion(refusal) }
            guard replica.mayInstall(page) else {
                return completion(.invalid("partition \(page.partition) needs the snapshot no longer"))
            }
            self.receiving[page.partition] = nil
            self.install(receiver, page, replica, completion)
        }
    }

    /// Lets the log forget the partition, then puts the snapshot in the place of what the store has of it.
    private func install(
        _ receiver: SnapshotReceiver,
        _ page: SnapshotPage,
        _ replica: Replica,
        _ completion: @escaping (Refusal?) -> Void
    ) {
        replica.beginInstalling()
        let (database, threads, paths) = (resources.database, resources.threads, receiver.paths)
        host.append([.forgotten(page.partition)], of: page.partition) { result in
            if case .failure(let error) = result {
                replica.stop(.broken("a snapshot cannot be taken in: \(error)"))
                return completion(.unavailable("\(error)"))
            }
            threads.runIfActive(eventLoop: self.host.eventLoop) {
                try Partition.replace(page.partition, in: database, withTables: paths)
            }.assumeIsolated().whenComplete { result in
                // The files are the receiver's: they go with it.
                withExtendedLifetime(receiver) {}
                switch result {
                case .success:
                    self.host.reopen(replica, at: page)
                    self.resources.logger.notice(
                        "snapshot taken in",
                        metadata: ["partition": "\(page.partition)", "index": "\(page.index)"]
                    )
                    completion(replica.unavailability)
                case .failure(let error):
                    replica.stop(error as? PartitionFailure ?? .broken("\(error)"))
                    completion(.unavailable("\(error)"))
                }
            }
        }
    }
}
