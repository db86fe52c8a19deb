internal import Messages
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Partitions
internal import Store

/// Writes the pages of a partition's snapshot down, one after the other.
///
/// Confined to its event loop; files are written on a thread that may block.
final class SnapshotReceiver {
    let stream: UInt64
    private let partition: PartitionID
    private let writer: TableWriter
    private let eventLoop: any EventLoop
    private let threads: NIOThreadPool
    private var nextNumber: UInt64 = 0
    private var isWriting = false
    private var digest = SnapshotDigest()
    /// When the newest page came.
    private(set) var lastPage = NIODeadline.now()

    init(
        stream: UInt64,
        partition: PartitionID,
        directory: String,
        eventLoop: any EventLoop,
        threads: NIOThreadPool
    ) {
        self.stream = stream
        self.partition = partition
        self.eventLoop = eventLoop
        self.threads = threads
        writer = TableWriter(directory: directory, name: "\(partition).\(stream)")
    }

    /// The files, once the last page is taken.
    var paths: [String] { writer.paths }

    /// - Parameter completion: is given nil where the page is written, whether now or before; else why it is not.
    func take(_ page: SnapshotPage, completion: @escaping (Refusal?) -> Void) {
        lastPage = .now()
        if page.number + 1 == nextNumber, !isWriting { return completion(nil) }
        guard page.number == nextNumber, !isWriting else {
            return completion(.busy("page \(page.number) of a snapshot, and \(nextNumber) is expected"))
        }
        guard page.records.allSatisfy({ Partition.owns($0.key, partition: partition) }) else {
            return completion(.invalid("a page of a snapshot of partition \(partition) has keys of others"))
        }
        var digest = digest
        digest.add(page.records)
        guard digest.value == page.digest else {
            return completion(
                .invalid("page \(page.number) of a snapshot of partition \(partition) does not fit those before it")
            )
        }
        isWriting = true
        let writer = writer
        threads.runIfActive(eventLoop: eventLoop) {
            for record in page.records {
                try writer.put(record.key, record.value)
            }
            if page.records.isEmpty { try writer.finish() }
        }.assumeIsolated().whenComplete { [digest] result in
            self.isWriting = false
            switch result {
            case .success:
                self.nextNumber += 1
                self.digest = digest
                completion(nil)
            case .failure(let error):
                completion(.unavailable("a page of a snapshot cannot be written: \(error)"))
            }
        }
    }
}
