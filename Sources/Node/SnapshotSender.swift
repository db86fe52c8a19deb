internal import ClusterLinks
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Partitions
internal import Placement
internal import Store

/// Sends a partition's snapshot to a node, a page at a time: the next one when the one before is written down there.
///
/// Confined to its event loop; pages are read on a thread that may block.
final class SnapshotSender {
    private static let bytesPerPage = 1 << 20
    private static let patience = TimeAmount.seconds(10)
    private static let pause = TimeAmount.milliseconds(200)
    /// A page that is not taken for so long ends it.
    private static let longestPage = TimeAmount.seconds(60)

    private let snapshot: PartitionSnapshot
    private let partition: PartitionID
    private let epoch: UInt64
    private let node: NodeID
    private let follower: NodeID
    private let stream = UInt64.random(in: 1...UInt64.max)
    private var digest = SnapshotDigest()
    private let eventLoop: any EventLoop
    private let threads: NIOThreadPool
    private let links: NodeLinks
    /// Whether the snapshot is still asked for.
    private let isWanted: () -> Bool
    private let completion: (Result<(), SnapshotFailure>) -> Void

    /// - Parameter completion: called once, on the loop.
    init(
        _ snapshot: PartitionSnapshot,
        of partition: PartitionID,
        epoch: UInt64,
        from node: NodeID,
        to follower: NodeID,
        eventLoop: any EventLoop,
        threads: NIOThreadPool,
        links: NodeLinks,
        isWanted: @escaping () -> Bool,
        completion: @escaping (Result<(), SnapshotFailure>) -> Void
    ) {
        self.snapshot = snapshot
        self.partition = partition
        self.epoch = epoch
        self.node = node
        self.follower = follower
        self.eventLoop = eventLoop
        self.threads = threads
        self.links = links
        self.isWanted = isWanted
        self.completion = completion
    }

    func start() { readPage(0) }

    private func readPage(_ number: UInt64) {
        guard isWanted() else { return completion(.failure(.notWanted)) }
        let snapshot = snapshot
        threads.runIfActive(eventLoop: eventLoop) { try snapshot.next(bytes: SnapshotSender.bytesPerPage) }
            .assumeIsolated().whenComplete { result in
                switch result {
                case .success(let records):
                    self.digest.add(records)
                    self.send(records, number, until: .now() + SnapshotSender.longestPage)
                case .failure(let error): self.completion(.failure(.unreadable("\(error)")))
                }
            }
    }

    private func send(_ records: [StoredRecord], _ number: UInt64, until end: NIODeadline) {
        guard isWanted() else { return completion(.failure(.notWanted)) }
        let page = SnapshotPage(
            sender: node,
            recipient: follower,
            partition: partition,
            epoch: epoch,
            stream: stream,
            number: number,
            index: snapshot.index,
            indexEpoch: snapshot.epoch,
            records: records,
            digest: digest.value
        )
        links.ask(follower, .snapshot(page), deadline: .now() + SnapshotSender.patience) { result in
            switch result {
            case .success(.taken):
                if records.isEmpty { return self.completion(.success(())) }
                self.readPage(number + 1)
            case .success(.executed(.failure(let refusal))) where !refusal.code.isRetryable:
                self.completion(.failure(.refused(refusal.message)))
            case .success, .failure:
                guard .now() < end else { return self.completion(.failure(.unanswered)) }
                self.eventLoop.assumeIsolated().scheduleTask(in: SnapshotSender.pause) {
                    self.send(records, number, until: end)
                }
            }
        }
    }
}

/// Why a snapshot was not sent to its end. Where it is still needed, another is begun.
enum SnapshotFailure: Error {
    case notWanted
    case unreadable(String)
    case refused(String)
    case unanswered
}
