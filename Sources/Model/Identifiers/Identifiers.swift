/// A user: any 63-bit integer, chosen by the caller or minted by the cluster.
@frozen
public struct UserID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The largest identifier of any kind: bit 63 is never set, so that a signed integer holds every id.
    public static let largestRawValue: UInt64 = UInt64(Int64.max)

    public let rawValue: UInt64

    /// - Parameter rawValue: 0 to 2^63 - 1; the top bit is cleared.
    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue & UserID.largestRawValue
    }

    @inlinable
    public static func < (left: UserID, right: UserID) -> Bool { left.rawValue < right.rawValue }

    public var description: String { String(rawValue) }
}

/// A tweet: a snowflake id that names the partition that minted it.
@frozen
public struct TweetID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    /// - Parameter rawValue: 0 to 2^63 - 1; the top bit is cleared.
    @inlinable
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue & UserID.largestRawValue
    }

    @inlinable
    public static func < (left: TweetID, right: TweetID) -> Bool { left.rawValue < right.rawValue }

    public var description: String { String(rawValue) }
}

/// One of the cluster's partitions: 0 to the partition count less one, at most 1023.
@frozen
public struct PartitionID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt16

    @inlinable
    public init(_ rawValue: UInt16) {
        self.rawValue = rawValue
    }

    @inlinable
    public static func < (left: PartitionID, right: PartitionID) -> Bool { left.rawValue < right.rawValue }

    public var description: String { String(rawValue) }
}

/// Where an entry stands in its partition's log: 1 is the first entry, 0 is before all.
public typealias LogIndex = UInt64

/// Milliseconds since 1970-01-01 00:00 UTC.
public typealias Milliseconds = UInt64

/// Microseconds since 1970-01-01 00:00 UTC.
public typealias Microseconds = UInt64
