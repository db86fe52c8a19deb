package import Model

/// What applying an entry came to.
package enum Outcome: Equatable, Sendable {
    case done(Answer)
    case refused(Refusal)
    /// Committed, and waiting for other partitions until all of it is settled: the result is then `fallback`, which is
    /// also the result where the caller does not wait that long; or, where there is none, the settlement's.
    case waiting([Settlement], fallback: Answer?)
    /// How far a batch of mail was taken, for each source in it.
    case mailTaken([MailReceipt])
    /// The partition's own bookkeeping.
    case applied
}

/// Something that a later entry of the same partition settles.
package enum Settlement: Hashable, Sendable {
    /// A creation or a rename that began at this index.
    case name(version: LogIndex)
    /// The author's list, awaited since a follow at this index.
    case backfill(author: UserID, generation: LogIndex)
}

/// Applied entries settle what earlier ones left waiting.
package struct Settled: Equatable, Sendable {
    package let settlement: Settlement
    package let result: Result<Answer, Refusal>
}

/// What one entry came to.
package struct Applied: Equatable, Sendable {
    package let outcome: Outcome
    package let settled: [Settled]
}
