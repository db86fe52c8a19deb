internal import Foundation
internal import Log
internal import Logging
internal import Model
internal import Partitions
internal import Store

/// What a data directory holds, open: who the node is, its store, its log.
///
/// Where the store or the log is damaged, a node whose partitions have other replicas sets it aside and comes back as a stranger,
/// to be filled again: it may have lost what it has acknowledged. With one replica it must not start. So it is where the
/// machine stopped under a node that did not sync every write, with what it has as a beginning.
struct NodeStorage {
    let identity: NodeIdentity
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
        let storage = try openUndamaged(directory, identity, settings, logger, observer)
        // Only now is the log synced that the run before has left.
        if settings.durability == .always { try unsynced.end() }
        return storage
    }

    private static func openUndamaged(
        _ directory: DataDirectory,
        _ identity: NodeIdentity,
        _ settings: NodeSettings,
        _ logger: Logger,
        _ observer: @escaping @Sendable (LogSync) -> Void
    ) throws -> NodeStorage {
        do {
            return try NodeStorage(directory, identity, settings, logger, observer)
        } catch {
            guard let damaged = damagedParts(error), let cluster = try identity.cluster(), cluster.replicationFactor > 1
            else { throw error }
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
        _ observer: @escaping @Sendable (LogSync) -> Void
    ) throws {
        self.identity = identity
        database = try Database(
            path: try directory.subdirectory("store"),
            options: settings.databaseOptions,
            merge: { existing, operands in try? SortedListMerge.merge(existing: existing, operands: operands) }
        )
        let recovery = Recovery(directory: directory, identity: identity, settings: settings, logger: logger)
        self.recovery = try recovery.openLog(into: database, observer: observer)
    }

    /// What an error says is damaged. The store is of no use without its log, nor the log without the store.
    private static func damagedParts(_ error: any Error) -> [String]? {
        switch error {
        case LogError.corruption: ["log"]
        case StoreError.corruption: ["store", "log"]
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
