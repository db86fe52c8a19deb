internal import Logging
internal import Model
internal import Partitions

/// What home lists take: the memory of those that nobody reads, and the log of those that are only in memory.
extension PartitionHost {
    /// Drops the lists that nobody has read for `idleMilliseconds`.
    func dropUnreadHomeLists(startedAt: Milliseconds) {
        let (now, idle) = (clock.now() / 1000, resources.settings.idleMilliseconds)
        guard now > idle else { return }
        for replica in replicas where replica.mayWriteLists {
            do throws(PartitionFailure) {
                _ = try replica.partition.dropUnreadHomeLists(since: now - idle, startedAt: startedAt)
            } catch {
                resources.logger.error(
                    "home lists cannot be dropped",
                    metadata: ["partition": "\(replica.partition.id)", "error": "\(error)"]
                )
            }
        }
    }

    /// Begins to write the tails of all home lists to the store; they are written when the log's segments may go.
    func drainTails() {
        for replica in replicas {
            replica.tails.begin()
        }
    }
}
