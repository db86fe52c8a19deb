internal import Log
internal import Mail
internal import Metrics
internal import Model
internal import NIOCore
internal import Partitions
internal import Placement
internal import Replication
internal import Store
internal import Synchronization

/// Gauges that are read when somebody looks: positions, queues, caches, RocksDB's properties.
final class NodeGauges: Sendable {
    private static let properties = [
        "rocksdb.estimate-num-keys", "rocksdb.cur-size-all-mem-tables", "rocksdb.block-cache-usage",
        "rocksdb.total-sst-files-size", "rocksdb.num-running-compactions", "rocksdb.num-running-flushes",
        "rocksdb.estimate-pending-compaction-bytes", "rocksdb.is-write-stopped", "rocksdb.num-immutable-mem-table",
    ]

    private let hosts: HostGroup
    private let log: GroupCommitLog
    private let database: Database
    private let disk: DiskSpace

    init(hosts: HostGroup, log: GroupCommitLog, database: Database, disk: DiskSpace) {
        self.hosts = hosts
        self.log = log
        self.database = database
        self.disk = disk
    }

    /// Brings the gauges up to date. Those of partitions follow a moment later, from their loops.
    func refresh() {
        Gauge(label: "log.bytes").record(Int64(log.size))
        Gauge(label: "log.queue.bytes").record(Int64(log.queuedBytes))
        if let free = disk.freeBytes { Gauge(label: "node.disk.free.bytes").record(Int64(clamping: free)) }
        for name in NodeGauges.properties {
            if let value = database.property(name) { Gauge(label: name).record(Int64(value)) }
        }
        hosts.onEach { host in
            for replica in host.replicas {
                NodeGauges.record(replica)
            }
        }
    }

    private static func record(_ replica: Replica) {
        forEach(of: replica) { $0.record(Int64($1)) }
    }

    /// A replica is not here any more: nothing is said of it.
    static func forget(_ replica: Replica) {
        forEach(of: replica) { gauge, _ in gauge.destroy() }
    }

    private static func forEach(of replica: Replica, _ body: (Gauge, any BinaryInteger) -> Void) {
        let partition = [("partition", "\(replica.partition.id)")]
        func gauge(_ name: String, _ value: some BinaryInteger) {
            body(Gauge(label: name, dimensions: partition), value)
        }
        gauge("partition.log.appended", replica.state.lastIndex)
        gauge("partition.log.durable", replica.state.durableIndex)
        gauge("partition.log.committed", replica.state.committed)
        gauge("partition.log.applied", replica.partition.appliedIndex)
        gauge("partition.agreements", replica.comparison.agreements)
        gauge("partition.differences", replica.comparison.differences)
        // What a gauge can hold exactly.
        gauge("partition.checksum", replica.partition.checksum & 0xffff_ffff)
        gauge("partition.epoch", replica.state.configuration.epoch)
        gauge("partition.serving", replica.isServing ? 1 : 0)
        gauge("partition.requests.waiting", replica.waitingCount)
        gauge("partition.mail.waiting", replica.partition.outgoingMail.waitingCount)
        gauge("partition.home.lists", replica.partition.homeListCount)
        gauge("partition.home.tail.entries", replica.partition.tailEntryCount)
        let statistics = replica.partition.statistics
        gauge("partition.deliveries.materialized", statistics.materializedDeliveries)
        gauge("partition.deliveries", statistics.deliveries)
        gauge("partition.home.reads.list", statistics.homeReadsFromList)
        gauge("partition.home.lists.fetched", statistics.homeListsFetched)
        gauge("partition.home.reads.computed", statistics.homeReadsComputed)
        gauge("partition.home.pages.below", statistics.pagesBelowList)
        gauge("partition.home.lists.dropped", statistics.homeListsDropped)
        gauge("partition.mail.gaps", statistics.mailGaps)
        gauge("partition.mail.repeated", statistics.repeatedMail)
        gauge("partition.backfills", statistics.backfills)
        gauge("partition.pull.switches", statistics.pullSwitches)
    }
}
