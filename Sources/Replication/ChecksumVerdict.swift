package import Placement

/// What the checksums of a partition's replicas behind one entry say: which one is wrong, where most agree.
package enum ChecksumVerdict: Equatable, Sendable {
    /// All that were heard have the primary's.
    case same
    /// One secondary differs, and another agrees with the primary.
    case secondaryIsOdd(NodeID)
    /// All secondaries were heard, at least two, and agree with each other: any of them is a better primary.
    case primaryIsOdd(successor: NodeID)
    /// These differ from the primary, and nobody knows which is right.
    case undecided([NodeID])

    /// - Parameters:
    ///   - primary: the primary's checksum.
    ///   - secondaries: each one's; nil where it cannot tell.
    package init(primary: UInt64, secondaries: [(node: NodeID, checksum: UInt64?)]) {
        let heard = Set(secondaries.map(\.checksum))
        let differing = secondaries.filter { $0.checksum != nil && $0.checksum != primary }.map(\.node)
        switch differing.count {
        case 0: self = .same
        case 1 where heard.contains(primary): self = .secondaryIsOdd(differing[0])
        case 2... where differing.count == secondaries.count && heard.count == 1:
            self = .primaryIsOdd(successor: differing[0])
        default: self = .undecided(differing)
        }
    }
}
