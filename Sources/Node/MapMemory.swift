package import Logging
internal import MapStorage
internal import NIOConcurrencyHelpers
package import NIOPosix
package import Placement
package import Store

/// What this node remembers of the map, over restarts too: a coordinator that has lost it is given it again.
///
/// Written behind the event loops, the newest only: a change of the last moment before all nodes stop may be missing.
package final class MapMemory: Sendable {
    private struct State {
        var newest: PartitionMap
        var isWriting = false
        /// Whether the newest could not be written.
        var isUnsaved = false
    }

    private let state: NIOLockedValueBox<State>
    private let store: MapStore
    private let threads: NIOThreadPool
    private let logger: Logger

    package init(directory: DataDirectory, threads: NIOThreadPool, logger: Logger) {
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
    package var map: PartitionMap { state.withLockedValue { $0.newest } }

    /// Remembers a map, if it is newer and of the same cluster.
    package func note(_ map: PartitionMap) {
        let mustWrite = state.withLockedValue { state in
            guard map.layout != nil, map.version > state.newest.version,
                state.newest.layout == nil || map.clusterID == state.newest.clusterID
            else { return false }
            // A coordinator that has come back with an old map passes the version of a newer one some time.
            state.newest = map.joined(with: state.newest)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustWrite { write() }
    }

    /// Writes what could not be written before. To be called now and then.
    package func saveAgain() {
        let mustWrite = state.withLockedValue { state in
            guard state.isUnsaved, !state.isWriting else { return false }
            state.isWriting = true
            return true
        }
        if mustWrite { write() }
    }

    private func write() {
        threads.submit { state in
            // Where the node has ended nobody waits for it, and this is an event loop.
            guard state == .active else { return }
            var written: UInt64?
            while let map = self.next(behind: written) {
                do throws(StoreError) {
                    try self.store.save(map)
                    self.noteSaved(true)
                } catch {
                    if self.noteSaved(false) {
                        self.logger.error("the map is not remembered", metadata: ["error": "\(error)"])
                    }
                }
                written = map.version
            }
        }
    }

    /// - Returns: whether that is news.
    @discardableResult
    private func noteSaved(_ isSaved: Bool) -> Bool {
        state.withLockedValue { state in
            defer { state.isUnsaved = !isSaved }
            return state.isUnsaved == isSaved
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
