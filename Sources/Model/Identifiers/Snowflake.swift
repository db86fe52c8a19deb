/// The bits of a snowflake id: 41 bits of milliseconds since `epoch`, 10 bits of partition, 12 bits of sequence.
///
/// The layout and the epoch are those that Twitter published in 2010 (github.com/twitter-archive/snowflake); the
/// worker bits hold the partition, so that an id routes itself.
public enum Snowflake {
    /// 2010-11-04 01:42:54.657 UTC.
    public static let epoch: Milliseconds = 1_288_834_974_657
    static let sequenceBits: UInt64 = 12
    static let partitionBits: UInt64 = 10
    static let largestSequence: UInt64 = (1 << sequenceBits) - 1
    static let largestMilliseconds: UInt64 = (1 << 41) - 1

    /// The id with these parts; milliseconds before the epoch count as the epoch.
    public static func id(at time: Milliseconds, partition: PartitionID, sequence: UInt64) -> UInt64 {
        let elapsed = min(time > epoch ? time - epoch : 0, largestMilliseconds)
        return elapsed << (sequenceBits + partitionBits)
            | (UInt64(partition.rawValue) & ((1 << partitionBits) - 1)) << sequenceBits
            | (sequence & largestSequence)
    }

    /// When the id was minted.
    public static func time(of id: UInt64) -> Milliseconds {
        (id >> (sequenceBits + partitionBits)) + epoch
    }

    /// The partition that minted the id.
    public static func partition(of id: UInt64) -> PartitionID {
        PartitionID(UInt16((id >> sequenceBits) & ((1 << partitionBits) - 1)))
    }

    /// The smallest id of `partition` that is larger than `last` and not older than `time`.
    ///
    /// A clock that stands still or steps back goes on counting from `last`: ids of a partition always increase.
    public static func next(after last: UInt64, at time: Milliseconds, partition: PartitionID) -> UInt64 {
        let fresh = id(at: time, partition: partition, sequence: 0)
        guard last >= fresh else { return fresh }
        let sequence = last & largestSequence
        let lastTime = Snowflake.time(of: last)
        if sequence < largestSequence {
            return id(at: lastTime, partition: partition, sequence: sequence + 1)
        }
        return id(at: lastTime + 1, partition: partition, sequence: 0)
    }
}
