internal import Log
internal import Metrics

/// What a node counts and times.
struct NodeMetrics: Sendable {
    private let syncTime = Timer(label: "log.sync.seconds")
    private let writeTime = Timer(label: "log.write.seconds")
    private let batchRecords = Recorder(label: "log.batch.records")
    private let logBytes = Counter(label: "log.written.bytes.total")
    private let commands: [String: (count: Counter, time: Timer)]
    private let refusals = Counter(label: "node.refusals.total")

    /// The names of everything a node is asked.
    static let commandNames = [
        "createUser", "updateUser", "deleteUser", "follow", "unfollow", "postTweet", "deleteTweet", "restoreTweet",
        "receiveMail", "trimOutbox", "continueDeletion", "users", "userNamed", "following", "followers", "follows",
        "tweets", "existence", "home", "userTimeline", "dump",
    ]

    init() {
        commands = Dictionary(
            uniqueKeysWithValues: NodeMetrics.commandNames.map { name in
                (
                    name,
                    (
                        Counter(label: "node.requests.total", dimensions: [("command", name)]),
                        Timer(label: "node.request.seconds", dimensions: [("command", name)])
                    )
                )
            }
        )
    }

    func note(_ sync: LogSync) {
        syncTime.recordNanoseconds(sync.syncNanoseconds)
        writeTime.recordNanoseconds(sync.writeNanoseconds)
        batchRecords.record(sync.records)
        logBytes.increment(by: sync.bytes)
    }

    func noteRequest(_ name: String, nanoseconds: Int64, isRefused: Bool) {
        guard let command = commands[name] else { return }
        command.count.increment()
        command.time.recordNanoseconds(nanoseconds)
        if isRefused { refusals.increment() }
    }
}
