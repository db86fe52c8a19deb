package import Model

/// Gives commands their time and their ids as they enter the log: both increase whatever the clock does, and go on
/// from the last applied entry when a partition is opened.
package struct EntryStamp {
    private let partition: PartitionID
    private let layout: PartitionLayout
    private var lastTime: Microseconds
    private var lastID: UInt64

    /// - Parameter partition: with everything applied that its log holds.
    package init(continuing partition: Partition) {
        self.partition = partition.id
        layout = partition.layout
        lastTime = partition.lastTime
        lastID = partition.lastID
    }

    package mutating func entry(_ command: Command, now: Microseconds) -> LogEntry {
        lastTime = max(now, lastTime + command.moments)
        if case .restoreTweet(let command) = command, command.isOfThePast(at: lastTime),
            layout.partition(of: command.tweet) == partition
        {
            // None like it, and none before it, is minted any more.
            lastID = max(lastID, command.tweet.rawValue)
        }
        guard command.mintsID else { return LogEntry(time: lastTime, mintedID: 0, command: command) }
        lastID = Snowflake.next(after: lastID, at: now / 1000, partition: partition)
        return LogEntry(time: lastTime, mintedID: lastID, command: command)
    }
}
