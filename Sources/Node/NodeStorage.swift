internal import Foundation
internal import Log
internal import Logging
internal import Model
internal import Partitions
internal import Replication
internal import Store

/// What a data directory holds, open: who the node is, its store, its log.
///
/// Where the log is damaged and members can be left out, the partitions that may lack something are filled again, and the others
/// serve. Where they cannot, or the store is damaged, a node whose partitions have other replicas sets it aside and comes back as
/// a stranger, to be filled again: it may have lost what it has acknowledged. With one replica it must not start. So it is where
/// the machine stopped under a node that did not sync every write, with what it has as a beginning.
struct NodeStorage {
    let identity: NodeIdentity
    let lostEntries: LostEntries
    let database: Database
    let recovery: Recovery.Result

    static func open(
        _ directory: DataDirectory,
        settings: NodeSettings,
        logger: Logger,
        observer: @escaping @Sendable (LogSync) -> Void
    ) throws -> NodeStorage {
        var identity = try NodeIdentity(directory: directory)
        let unsynced = UnsyncedRun(directory: directory)
        if try unsynced.mayHaveLostWrites(), let cluster = try identity.cluster() {
            let isAlone = cluster.replicationFactor == 1
            let was = identity.node
            // As the member that it was it could lead without what it had acknowledged.
            if !isAlone { identity = try identity.renounced() }
            logger.critical(
                isAlone
                    ? "the machine stopped, and not every write was synced: what was acknowledged last may be lost"
                    : "the machine stopped, and not every write was synced: the node is filled again as another one",
                metadata: ["was": "\(was)", "is": "\(identity.node)"]
            )
        }
        if settings.durability != .always { try unsynced.begin() }
        let storage = try openMended(directory, identity, settings, logger, observer)
        // Only now is the log synced that the run before has left.
        if settings.durability == .always { try unsynced.end() }
        return storage
    }

    private static func openMended(
        _ directory: DataDirectory,
        _ identity: NodeIdentity,
        _ settings: NodeSettings,
        _ logger: Logger,
        _ observer: @escaping @Sendable (LogSync) -> Void
    ) throws -> NodeStorage {
        let cluster = try identity.cluster()
        let replication = ReplicationSettings(replicationFactor: cluster?.replicationFactor ?? 1)
        let hasMembersToSpare = replication.minimumReplicas < replication.replicationFactor
        var passesOverDamage = try LostEntries(directory: directory).wasInterrupted
        do {
            do {
                return try NodeStorage(
                    directory,
                    identity,
                    settings,
                    logger,
                    observer,
                    passesOverDamage: passesOverDamage
                )
            } catch LogError.corruption where hasMembersToSpare && !passesOverDamage {
                passesOverDamage = true
                return try NodeStorage(directory, identity, settings, logger, observer, passesOverDamage: true)
            }
        } catch {
            guard let damaged = damagedParts(error, passesOverDamage), replication.replicationFactor > 1 else {
                throw error
            }
            // First, and durably: with its old id it would still be a member, without what it has acknowledged.
            let stranger = try identity.renounced()
            for name in damaged {
                try setAside(name, in: directory)
            }
            logger.critical(
                "data is damaged: it is set aside, and the node is filled again as another one",
                metadata: [
                    "error": "\(error)", "setAside": "\(damaged.joined(separator: ", "))", "was": "\(identity.node)",
                    "is": "\(stranger.node)",
                ]
            )
            return try NodeStorage(directory, stranger, settings, logger, observer)
        }
    }

    private init(
        _ directory: DataDirectory,
        _ identity: NodeIdentity,
        _ settings: NodeSettings,
        _ logger: Logger,
        _ observer: @escaping @Sendable (LogSync) -> Void,
        passesOverDamage: Bool = false
    ) throws {
        self.identity = identity
        lostEntries = try LostEntries(directory: directory)
        database = try Database(
            path: try directory.subdirectory("store"),
            options: settings.databaseOptions,
            merge: { existing, operands in try? SortedListMerge.merge(existing: existing, operands: operands) }
        )
        let recovery = Recovery(
            directory: directory,
            identity: identity,
            settings: settings,
            logger: logger,
            lostEntries: lostEntries,
            passesOverDamage: passesOverDamage
        )
        self.recovery = try recovery.openLog(into: database, observer: observer)
    }

    /// What an error says is damaged; nil where it says nothing of that. The store is of no use without its log, nor the log
    /// without the store.
    ///
    /// - Parameter isLogDamaged: whether that is known already.
    private static func damagedParts(_ error: any Error, _ isLogDamaged: Bool) -> [String]? {
        switch error {
        case LogError.corruption: ["log"]
        case is CannotBeLeftOut: isLogDamaged ? ["log"] : []
        case StoreError.corruption, PartitionFailure.store(.corruption), PartitionFailure.damaged: ["store", "log"]
        default: nil
        }
    }

    private static func setAside(_ name: String, in directory: DataDirectory) throws {
        let path = directory.path + "/" + name
        guard FileManager.default.fileExists(atPath: path) else { return }
        var number = 1
        while FileManager.default.fileExists(atPath: "\(path).damaged.\(number)") { number += 1 }
        try FileManager.default.moveItem(atPath: path, toPath: "\(path).damaged.\(number)")
    }
}
