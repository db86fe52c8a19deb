internal import Logging
internal import MapStorage
internal import NIOConcurrencyHelpers
internal import NIOPosix
internal import Placement
internal import Store

/// What this node remembers of the map, over restarts too: a coordinator that has lost it is given it again.
///
/// Written behind the event loops, the newest only: a change of the last moment before all nodes stop may be missing.
final class MapMemory: Sendable {
    private struct State {
        var newest: PartitionMap
        var isWriting = false
    }

    private let state: NIOLockedValueBox<State>
    private let store: MapStore
    private let threads: NIOThreadPool
    private let logger: Logger

    init(directory: DataDirectory, threads: NIOThreadPool, logger: Logger) {
        store = MapStore(directory: directory)
        self.threads = threads
        self.logger = logger
        var map = PartitionMap()
        do throws(StoreError) {
            map = try store.load()
        } catch {
            // The coordinator has it.
            logger.warning("what was remembered of the map cannot be read", metadata: ["error": "\(error)"])
        }
        state = NIOLockedValueBox(State(newest: map))
    }

    /// As it is remembered.
    var map: PartitionMap { state.withLockedValue { $0.newest } }

    /// Remembers a map, if it is newer and of the same cluster.
    func note(_ map: PartitionMap) {
        let mustWrite = state.withLockedValue { state in
            guard map.layout != nil, map.version > state.newest.version,
                state.newest.layout == nil || map.clusterID == state.newest.clusterID
            else { return false }
            state.newest = map
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustWrite { threads.submit { _ in self.write() } }
    }

    private func write() {
        var written: UInt64?
        while let map = next(behind: written) {
            do throws(StoreError) {
                try store.save(map)
            } catch {
                logger.warning("the map is not remembered", metadata: ["error": "\(error)"])
            }
            written = map.version
        }
    }

    /// What is to be written; nil, and nobody writes, where that was.
    private func next(behind version: UInt64?) -> PartitionMap? {
        state.withLockedValue { state in
            if state.newest.version != version { return state.newest }
            state.isWriting = false
            return nil
        }
    }
}
