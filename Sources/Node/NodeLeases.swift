internal import Model
internal import Placement
internal import Replication
internal import Synchronization

/// The node's lease table, shared by its event loops and the thread that exchanges beacons.
final class NodeLeases: Sendable {
    private struct State {
        var table: LeaseTable
        /// By loop and peer, the partitions that need the peer's lease, each with its epoch.
        var wants: [Int: [NodeID: [PartitionID: UInt64]]] = [:]
    }

    private let state: Mutex<State>

    init(times: ReplicationTimes) {
        let table = LeaseTable(
            times: times,
            run: UInt64.random(in: 1...UInt64.max),
            now: MonotonicClock.now()
        )
        state = Mutex(State(table: table))
    }

    /// The table as it is now; taking it costs a few references.
    var table: LeaseTable { state.withLock { $0.table } }

    /// Lets the table take what a beacon, an answer or a configuration says.
    func update<Result: Sendable>(_ body: (inout LeaseTable) -> Result) -> Result {
        state.withLock { body(&$0.table) }
    }

    /// Says which leases the partitions of a loop want now.
    ///
    /// - Returns: whether that is something new.
    func want(_ wants: [NodeID: [PartitionID: UInt64]], onLoop loop: Int) -> Bool {
        state.withLock { state in
            let before = state.wants[loop] ?? [:]
            guard before != wants else { return false }
            state.wants[loop] = wants
            let now = MonotonicClock.now()
            for peer in Set(before.keys).union(wants.keys) where before[peer] != wants[peer] {
                let all = state.wants.values.compactMap { $0[peer] }
                    .reduce(into: [:]) { $0.merge($1) { first, _ in first } }
                state.table.want(all, from: peer, now: now)
            }
            return true
        }
    }
}
