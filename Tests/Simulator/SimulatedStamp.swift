internal import Model
internal import Replication

/// What gives writes their ids as they enter the log, as a real node's `EntryStamp` does: from a time of day that may step.
struct SimulatedStamp {
    /// How far the time of day is off, in milliseconds.
    var clockError: Int64
    /// The last id of each partition, since it is served from that index on.
    private var minted: [PartitionID: (beginning: LogIndex, id: UInt64)] = [:]

    init(clockError: Int64) {
        self.clockError = clockError
    }

    mutating func forgetAll() { minted = [:] }

    /// - Parameters:
    ///   - last: the largest id that is applied.
    ///   - now: true time, in microseconds.
    /// - Returns: the next id, and whether it is of a later time than it is.
    mutating func next(
        for partition: PartitionID,
        servedSince beginning: LogIndex,
        after last: UInt64,
        now: UInt64
    ) -> (id: UInt64, isAhead: Bool) {
        let own = minted[partition].flatMap { $0.beginning == beginning ? $0.id : nil }
        let time = Milliseconds(clamping: Int64(Snowflake.epoch) + 1_000_000_000 + Int64(now / 1_000) + clockError)
        let id = Snowflake.next(after: own ?? last, at: time, partition: partition)
        minted[partition] = (beginning, id)
        return (id, Snowflake.time(of: id) > time)
    }
}
