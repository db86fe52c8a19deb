internal import Foundation
internal import Log
internal import Logging
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Partitions
internal import Store

/// Takes away what the log and the store have of a partition that the node has no part in any more, one at a time.
///
/// Confined to its host's event loop; the store is written on threads that may block.
final class PartitionDisposal {
    /// How many ticks of the host a closed replica is kept, a minute's: longer than anything that it asked for may take. Ticks, not
    /// time: a loop that stood still has as many turns to run as before.
    private static let ticksOfRetention = 300
    private static let pauseAfterFailure = TimeAmount.seconds(10)
    /// The space of less comes back with the compactions that there are anyway: one for it alone rewrites what lies beside it.
    private static let bytesWorthCompacting: UInt64 = 64 << 20

    private unowned let host: PartitionHost
    private let resources: NodeResources
    /// What is being taken away, and must not be opened before that is done.
    private(set) var underWay: PartitionID?
    private var isCompacting = false
    /// Replicas that are closed, until turns of the loop and answers that are on their way do not ask for them any more.
    private var closed: [(replica: Replica, untilTick: Int)] = []
    private var ticks = 0

    init(host: PartitionHost, resources: NodeResources) {
        self.host = host
        self.resources = resources
    }

    var isBusy: Bool { underWay != nil || isCompacting }

    /// To be called five times a second.
    func noteTick() {
        ticks += 1
        closed.removeAll { $0.untilTick <= ticks }
    }

    /// Takes away what there is of a closed replica's partition; not to be called while `isBusy`.
    ///
    /// The log is told first, and durably: were only the store's part gone, a restart would find a log that begins in the middle.
    func dispose(of replica: Replica, completion: @escaping (Result<Void, any Error>) -> Void) {
        let partition = replica.partition.id
        closed.append((replica, untilTick: ticks + PartitionDisposal.ticksOfRetention))
        underWay = partition
        host.append([.removed(partition)], of: partition) { result in
            if case .failure(let error) = result { return self.end(.failure(error), completion) }
            self.host.eventLoop.assumeIsolated().scheduleTask(in: self.resources.settings.durability.exposure) {
                self.erase(partition, completion)
            }
        }
    }

    /// Until it is done: the log says already that it is, and nothing may be added to the partition before.
    private func erase(_ partition: PartitionID, _ completion: @escaping (Result<Void, any Error>) -> Void) {
        let database = resources.database
        resources.threads.runIfActive(eventLoop: host.eventLoop) {
            try Partition.remove(partition, from: database)
        }.assumeIsolated().whenComplete { result in
            switch result {
            case .success(let bytes):
                self.resources.logger.notice(
                    "partition removed",
                    metadata: ["partition": "\(partition)", "bytes": "\(bytes)"]
                )
                if bytes >= PartitionDisposal.bytesWorthCompacting { self.compact(partition) }
                self.end(.success(()), completion)
            case .failure(let error):
                guard !self.host.isEnding else { return }
                self.resources.logger.error(
                    "a partition that is elsewhere cannot be removed: it is tried again",
                    metadata: ["partition": "\(partition)", "error": "\(error)"]
                )
                self.host.eventLoop.assumeIsolated().scheduleTask(in: PartitionDisposal.pauseAfterFailure) {
                    self.erase(partition, completion)
                }
            }
        }
    }

    private func end(_ result: Result<Void, any Error>, _ completion: (Result<Void, any Error>) -> Void) {
        underWay = nil
        completion(result)
    }

    /// Gives the space back, on a thread of its own: it may take long, and snapshots wait for the others. A node that ends ends
    /// compactions too, and the next one's take the rest.
    private func compact(_ partition: PartitionID) {
        guard !host.isEnding else { return }
        isCompacting = true
        let database = resources.database
        let bound = NIOLoopBound(self, eventLoop: host.eventLoop)
        let thread = Thread {
            Partition.reclaim(partition, in: database)
            bound.eventLoop.execute { bound.value.isCompacting = false }
        }
        thread.name = "reclaim"
        thread.start()
    }
}

extension Durability {
    /// How long after a record counts as durable it may still be lost with the machine, about.
    fileprivate var exposure: TimeAmount {
        switch self {
        case .always: .zero
        case .interval(let milliseconds): .milliseconds(Int64(milliseconds) * 2)
        case .never: .seconds(60)
        }
    }
}
