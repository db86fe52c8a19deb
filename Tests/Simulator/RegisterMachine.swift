internal import Model
internal import Replication

/// The state machine that simulated partitions replicate: registers, and a hash of everything that was applied.
struct RegisterMachine: Equatable {
    private(set) var applied: LogIndex = 0
    private(set) var values: [UInt8: UInt64] = [:]
    /// The same on two replicas that have applied the same entries.
    private(set) var hash: UInt64 = 0
    private(set) var lastEpoch: UInt64 = 0

    /// Applies the next entry.
    mutating func apply(_ entry: ReplicatedEntry) {
        applied = entry.index
        lastEpoch = entry.epoch
        hash = StableHash.hash(hash ^ entry.index ^ entry.epoch << 32)
        for byte in entry.payload {
            hash = StableHash.hash(hash ^ UInt64(byte))
        }
        guard let write = RegisterWrite(entry.payload) else { return }
        values[write.key] = write.value
    }
}

/// A command of simulated clients.
package struct RegisterWrite: Equatable {
    package let key: UInt8
    /// No two writes have the same.
    package let value: UInt64

    package init(key: UInt8, value: UInt64) {
        self.key = key
        self.value = value
    }

    init?(_ payload: [UInt8]) {
        guard payload.count == 9 else { return nil }
        key = payload[0]
        value = payload[1...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    var payload: [UInt8] {
        [key] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }
}
