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
    let results: Gathering<PartResult>

    init(
        parts: [QueryPart],
        deadline: NIODeadline,
        place: (actor: Actor, number: UInt64)?,
        results: Gathering<PartResult>
    ) {
        self.parts = parts
        self.deadline = deadline
        self.place = place
        self.results = results
    }

    /// Nobody is asked any more about a part.
    func end(_ index: Int, _ last: Result<Answer, Refusal>) {
        results.set(parts[index].result(of: last), at: index)
    }
}
