internal import ClusterLinks
internal import Messages
internal import Model
internal import NIOCore

/// A query of several parts, while results come in. Confined to its event loop.
final class Reading {
    var parts: [QueryPart]
    let deadline: NIODeadline
    /// Of a read of one user: its place among the user's commands.
    let place: (actor: Actor, number: UInt64)?
    let results: Gathering<Result<Answer, Refusal>>

    init(
        parts: [QueryPart],
        deadline: NIODeadline,
        place: (actor: Actor, number: UInt64)?,
        results: Gathering<Result<Answer, Refusal>>
    ) {
        self.parts = parts
        self.deadline = deadline
        self.place = place
        self.results = results
    }
}
