import Log
import Model
import Partitions
import Store
import TestSupport

/// The partition and the log as a node runs them, on a real store.
enum PartitionBenchmarks {
    static var all: [Microbenchmark] {
        [
            Microbenchmark("log-append-16", count: 1_000) {
                let directory = try TemporaryDirectory()
                let files = LocalFileSystem(path: directory.path)
                let (writer, _) = try LogWriter.open(fileSystem: files, segmentBytes: 64 << 20) { _ in }
                let payload = [UInt8](repeating: 7, count: 120)
                return { number in
                    let records = (0..<16).map {
                        LogRecord(
                            partition: PartitionID(UInt16($0)),
                            epoch: 1,
                            index: LogIndex(number + 1),
                            payload: payload
                        )
                    }
                    try writer.append(records)
                    withExtendedLifetime(directory) {}
                }
            },
            Microbenchmark("apply-post-to-50-lists", count: 1_000) {
                let feed = try Feed(readers: 50)
                return { _ in try feed.post() }
            },
            Microbenchmark("read-home-page", count: 2_000) {
                let feed = try Feed(readers: 50)
                for _ in 0..<200 { try feed.post() }
                return { number in try feed.readHome(of: UInt64(1 + number % 50)) }
            },
        ]
    }
}

/// One partition in which users follow user 0 and read.
private final class Feed {
    private let directory: TemporaryDirectory
    private let partition: Partition
    private var stamp: EntryStamp
    private var time: Microseconds = 1_700_000_000_000_000

    init(readers: Int) throws {
        directory = try TemporaryDirectory()
        let database = try Database(path: directory.fresh("store"), options: DatabaseOptions()) { existing, operands in
            try? SortedListMerge.merge(existing: existing, operands: operands)
        }
        guard let layout = PartitionLayout(count: 1) else { throw StoreError.other("no layout") }
        partition = try Partition(
            id: PartitionID(0),
            layout: layout,
            database: database,
            settings: PartitionSettings(),
            incarnation: 1
        )
        stamp = EntryStamp(continuing: partition)
        for user in 0...UInt64(readers) {
            try apply(
                .createUser(CreateUser(username: try Username("u\(user)"), requestedID: UserID(user), displayName: ""))
            )
        }
        for user in 1...UInt64(readers) {
            try apply(.follow(Follow(follower: UserID(user), author: UserID(0))))
            try readHome(of: user)
        }
    }

    private func apply(_ command: Command) throws {
        time += 1_000
        try partition.stage(stamp.entry(command, now: time), at: partition.appliedIndex + 1, epoch: 1)
        _ = try partition.commit()
    }

    func post() throws {
        try apply(.postTweet(PostTweet(author: UserID(0), text: "a tweet of some length for everybody")))
    }

    func readHome(of user: UInt64) throws {
        keep(try partition.read(.home(HomeQuery(reader: UserID(user), count: 50)), now: time / 1_000))
    }
}
