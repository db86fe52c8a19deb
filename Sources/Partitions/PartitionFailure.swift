package import Store

/// Why a partition cannot go on. It stops serving, loudly; the process and its other partitions go on.
package enum PartitionFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The store failed.
    case store(StoreError)
    /// Bytes in the store or the log are not what this software writes there.
    case damaged(String)
    /// An invariant of ours does not hold.
    case broken(String)

    /// Whether it passes when there is space again.
    package var isOutOfSpace: Bool {
        if case .store(.outOfSpace) = self { true } else { false }
    }

    package var description: String {
        switch self {
        case .store(let error): error.description
        case .damaged(let what): "damaged: \(what)"
        case .broken(let what): "broken invariant: \(what)"
        }
    }
}
