internal import Foundation
internal import Log
package import Model
package import Partitions
internal import Replication
internal import Store

/// Looks at the data of a node that does not run (`rookery-node --verify`): whether every byte of its log and its store can be
/// read and understood, and whether they fit together. Changes nothing but the lock.
package struct Verification {
    /// What is wrong, in words. Empty where the node may start.
    package private(set) var problems: [String] = []
    /// What was found, a line each.
    package private(set) var lines: [String] = []
    /// As it was applied: replicas that have the same index have the same checksum.
    package private(set) var partitions: [PartitionID: StoredPartition] = [:]

    /// - Throws: where there is no data directory of ours, or a process uses it.
    package init(path: String) throws {
        guard FileManager.default.fileExists(atPath: path + "/FORMAT") else {
            throw StoreError.notADataDirectory("\(path) holds no node's data")
        }
        let directory = try DataDirectory(path: path)
        let identity = try NodeIdentity(directory: directory)
        lines.append("node \(identity.node), format \(DataDirectory.format)")
        guard let cluster = try identity.cluster() else {
            lines.append("of no cluster yet")
            return
        }
        lines.append("cluster \(cluster.id), \(cluster.layout.count) partitions, \(cluster.replicationFactor) replicas")
        checkStore(path + "/store", layout: cluster.layout)
        checkLog(path + "/log", layout: cluster.layout)
        for (id, found) in partitions.sorted(by: { $0.key < $1.key }) {
            lines.append(
                "partition \(id): applied \(found.appliedIndex) of epoch \(found.lastEpoch), checksum "
                    + "\(String(found.checksum, radix: 16)), \(found.users) users, \(found.tweets) tweets, "
                    + "\(found.records) records"
            )
        }
    }

    private mutating func checkStore(_ path: String, layout: PartitionLayout) {
        guard FileManager.default.fileExists(atPath: path + "/CURRENT") else {
            lines.append("store: none")
            return
        }
        var problems: [String] = []
        do throws(StoreError) {
            let database = try Database(readOnlyAt: path) { existing, operands in
                try? SortedListMerge.merge(existing: existing, operands: operands)
            }
            partitions = try StoreCheck.run(database, layout: layout) { problems.append("store: \($0)") }
            lines.append("store: \(partitions.values.reduce(0) { $0 + $1.records }) records")
        } catch {
            problems.append("store: \(error)")
        }
        self.problems += problems
    }

    private mutating func checkLog(_ path: String, layout: PartitionLayout) {
        guard FileManager.default.fileExists(atPath: path) else {
            lines.append("log: none")
            return
        }
        var logs: [PartitionID: RecoveredLog] = [:]
        var broken: [PartitionID: String] = [:]
        do throws(LogError) {
            let recovery = try LogWriter.verify(fileSystem: LocalFileSystem(path: path)) { record in
                let id = record.partition
                guard id.rawValue < layout.count else {
                    broken[id] = "there are \(layout.count) partitions"
                    return
                }
                // Whatever was wrong with what came before counts no longer.
                if [.forgotten, .removed].contains(record.content) { broken[id] = nil }
                guard broken[id] == nil else { return }
                do throws(PartitionFailure) {
                    var log = logs.removeValue(forKey: id) ?? RecoveredLog()
                    defer { logs[id] = log }
                    try log.take(record, applied: partitions[id]?.appliedIndex ?? 0) { entry throws(PartitionFailure) in
                        _ = try entry.command()
                    }
                } catch {
                    broken[id] = "\(error)"
                }
            }
            lines.append("log: \(recovery.segments) segments, \(recovery.records) records")
            // A crash may leave one: what it held was never acknowledged.
            if let truncation = recovery.truncation { lines.append("log: \(truncation)") }
        } catch {
            problems.append("log: \(error)")
        }
        for (id, log) in logs where broken[id] == nil {
            var log = log
            let found = partitions[id] ?? StoredPartition()
            do throws(PartitionFailure) {
                try log.finish(applied: found.appliedIndex, epoch: found.lastEpoch)
            } catch {
                broken[id] = "\(error)"
            }
        }
        problems += broken.sorted { $0.key < $1.key }.map { "partition \($0.key): \($0.value)" }
    }
}
