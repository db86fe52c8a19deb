/// How many partitions the cluster has, and which one owns what. Fixed when the cluster is created.
@frozen
public struct PartitionLayout: Hashable, Sendable {
    /// The worker bits of a snowflake id hold a partition, so there cannot be more.
    public static let largestCount = 1024

    /// A power of two, 1 to 1024.
    public let count: Int

    /// - Returns: nil unless `count` is a power of two from 1 to 1024.
    public init?(count: Int) {
        guard count >= 1, count <= PartitionLayout.largestCount, count & (count - 1) == 0 else { return nil }
        self.count = count
    }

    /// Every partition, in order.
    public var partitions: [PartitionID] { (0..<count).map { PartitionID(UInt16($0)) } }

    /// The partition that holds a user, their edges and their tweets.
    @inlinable
    public func partition(of user: UserID) -> PartitionID {
        PartitionID(UInt16(truncatingIfNeeded: StableHash.hash(user.rawValue) & UInt64(count - 1)))
    }

    /// The partition that owns a username, given its folded form.
    public func partition(ofFoldedName name: String) -> PartitionID {
        PartitionID(UInt16(truncatingIfNeeded: StableHash.hash(name.utf8) & UInt64(count - 1)))
    }

    /// The partition that minted a tweet's id, or nil where no partition of this cluster can have minted it.
    public func partition(of tweet: TweetID) -> PartitionID? {
        let partition = Snowflake.partition(of: tweet.rawValue)
        return Int(partition.rawValue) < count ? partition : nil
    }
}
