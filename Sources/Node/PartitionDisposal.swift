internal import Log
internal import Logging
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Partitions
internal import Placement
internal import Replication
internal import Store

/// Takes away what the log and the store have of partitions that this loop has no part in any more.
///
/// Confined to its host's event loop; the store is written on a thread that may block.
final class PartitionDisposal {
    private unowned let host: PartitionHost
    private let resources: NodeResources
    private var underWay: Set<PartitionID> = []
    /// Partitions of which nothing is here.
    private var empty: Set<PartitionID> = []
    /// The first epoch of each partition that this run has seen while it was not open: an earlier run may have told the primary
    /// of that one what it held.
    private var firstEpochs: [PartitionID: UInt64] = [:]

    init(host: PartitionHost, resources: NodeResources) {
        self.host = host
        self.resources = resources
    }

    /// Whether a partition cannot be opened yet.
    func isUnderWay(_ partition: PartitionID) -> Bool { underWay.contains(partition) }

    /// A partition is opened: there will be something of it.
    func noteOpened(_ partition: PartitionID) {
        empty.remove(partition)
        firstEpochs[partition] = nil
    }

    /// Looks after partitions that are not open: earlier runs may have had a part in them.
    func disposeOfClosed(_ partitions: some Sequence<PartitionID>) {
        for partition in partitions where !underWay.contains(partition) && !empty.contains(partition) {
            guard let configuration = host.map.configuration(of: partition) else { continue }
            guard let first = firstEpochs[partition] else {
                firstEpochs[partition] = configuration.epoch
                continue
            }
            guard
                configuration.mayBeDoneWithout(resources.node, since: first, factor: host.map.replicationFactor),
                host.logRefusal == nil
            else { continue }
            underWay.insert(partition)
            let database = resources.database
            run({ try Partition.isStored(partition, in: database) }) { result in
                switch result {
                case .success(true): self.dispose(of: partition)
                case .success(false): self.end(partition, nil)
                case .failure(let error): self.end(partition, error)
                }
            }
        }
    }

    /// Takes away what there is of a partition that is closed. The log forgets it first: it must never say that there is more
    /// than the store has.
    func dispose(of partition: PartitionID) {
        underWay.insert(partition)
        firstEpochs[partition] = host.map.configuration(of: partition)?.epoch
        host.append([.removed(partition)], of: partition) { result in
            if case .failure(let error) = result { return self.end(partition, error) }
            let database = self.resources.database
            self.run({ try Partition.remove(partition, from: database) }) { result in
                switch result {
                case .success:
                    self.resources.logger.notice("partition removed", metadata: ["partition": "\(partition)"])
                    self.end(partition, nil)
                case .failure(let error): self.end(partition, error)
                }
            }
        }
    }

    private func run<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value,
        completion: @escaping (Result<Value, any Error>) -> Void
    ) {
        resources.threads.runIfActive(eventLoop: host.eventLoop, work).assumeIsolated().whenComplete(completion)
    }

    private func end(_ partition: PartitionID, _ error: (any Error)?) {
        underWay.remove(partition)
        if let error {
            // It is tried again in a later epoch: what is left is whole, and in nobody's way.
            resources.logger.error(
                "a partition that is elsewhere cannot be removed",
                metadata: ["partition": "\(partition)", "error": "\(error)"]
            )
        } else {
            empty.insert(partition)
        }
        host.openPartitions()
    }
}
