package import Model

/// Why the log could not do something.
package enum LogError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Bytes that had been synced are not what was written. The node refuses to start; restore or refill it.
    case corruption(segment: String, offset: UInt64, partition: PartitionID?, what: String)
    /// A segment was written by a newer version of the software. Upgrade.
    case newerVersion(segment: String, version: UInt32)
    /// A write or a sync failed before: the log takes nothing any more, for good. Restart the node when the cause
    /// is mended; what it acknowledged is safe.
    case readOnly(cause: String)
    /// More is waiting to be written than the log holds in memory. Retry with backoff.
    case busy
    /// The log is closed.
    case closed
    /// The operating system refused.
    case inputOutput(String)

    /// Whether trying again is of no use, because what is there is not what was written.
    package var isDamage: Bool {
        if case .corruption = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .corruption(let segment, let offset, let partition, let what):
            "log segment \(segment) is damaged at offset \(offset), partition \(partition.map(\.description) ?? "unknown"): "
                + what
        case .newerVersion(let segment, let version): "log segment \(segment) has version \(version), newer than ours"
        case .readOnly(let cause): "the log is read-only since it failed: \(cause)"
        case .busy: "the log's queue is full"
        case .closed: "the log is closed"
        case .inputOutput(let message): message
        }
    }
}
