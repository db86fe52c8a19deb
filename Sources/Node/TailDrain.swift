internal import EventLoops
internal import Logging
internal import NIOCore
internal import Partitions

/// Writes the tails of a partition's home lists to the store, so that the log lets its segments go.
///
/// Confined to its host's event loop.
final class TailDrain {
    private unowned let replica: Replica
    private let host: PartitionHost
    private var isDraining = false

    init(replica: Replica, host: PartitionHost) {
        self.replica = replica
        self.host = host
    }

    /// Writes them a slice at a turn of the loop.
    func begin() {
        guard !isDraining else { return }
        isDraining = true
        drainNextSlice()
    }

    /// Writes them all at once. For the end: it holds up the loop.
    func finish() {
        guard replica.mayWriteLists else { return }
        do throws(PartitionFailure) {
            while try !replica.partition.drainTails() {}
        } catch {
            host.tailsNotDrained(replica.partition.id, error)
        }
    }

    private func drainNextSlice() {
        isDraining = false
        guard replica.mayWriteLists else { return }
        do throws(PartitionFailure) {
            if try replica.partition.drainTails() { return }
        } catch {
            // Nothing is lost: the log has it all, and keeps its segments until a drain succeeds.
            return host.tailsNotDrained(replica.partition.id, error)
        }
        isDraining = true
        host.turns.add(.background) { _ in self.drainNextSlice() }
    }
}
