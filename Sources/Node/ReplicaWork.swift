package import Model
package import NIOCore

/// What a request to a partition came to.
package enum RequestOutcome {
    case answered(Result<Answer, Refusal>)
    /// Nothing was done: this replica does not serve the partition now.
    case notServed

    static func refused(_ refusal: Refusal) -> RequestOutcome { .answered(.failure(refusal)) }
}

/// A command of a front end, on its way.
package struct Write {
    let command: Command
    let actor: Actor
    let began: NIODeadline
    /// The term of `Requests` in which it came: it has no place in another one's lines.
    package let term: UInt64
    let completion: (RequestOutcome) -> Void

    package init(
        command: Command,
        actor: Actor,
        began: NIODeadline,
        term: UInt64,
        completion: @escaping (RequestOutcome) -> Void
    ) {
        self.command = command
        self.actor = actor
        self.began = began
        self.term = term
        self.completion = completion
    }
}

/// A query of a front end, on its way: each of its actors' earlier writes must be answered first.
struct Read {
    let query: Query
    var unchecked: ArraySlice<UserID>
    let began: NIODeadline
    let completion: (RequestOutcome) -> Void
}

/// Who is told what an entry came to.
package enum Origin {
    case write(Write)
    case mail(([MailReceipt]?) -> Void)
    case own
}
