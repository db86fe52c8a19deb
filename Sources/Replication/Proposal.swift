internal import Placement

/// A change of the configuration that the coordinator is asked for, until the epoch has passed the one that it ends.
package struct Proposal {
    package enum Reason: Hashable, Sendable {
        /// An epoch of this run's own.
        case renewal
        /// A secondary takes the place of a primary that is gone.
        case claim
        /// The primary leaves members out.
        case removal
        /// The primary takes a learner in.
        case admission
        /// The primary hands its place over.
        case transfer
    }

    let configuration: PartitionMap.Configuration
    let reason: Reason
    var sentAt: MonotonicTime
}
