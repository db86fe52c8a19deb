internal import Model
internal import NIOCore

extension Replica {
    typealias Completion = (Result<Answer, Refusal>) -> Void

    /// A command of a front end, on its way.
    struct Write {
        let command: Command
        let actor: Actor
        let began: NIODeadline
        let completion: Completion
    }

    /// A query of a front end, on its way: each of its actors' earlier writes must be answered first.
    struct Read {
        let query: Query
        var unchecked: ArraySlice<UserID>
        let began: NIODeadline
        let completion: Completion
    }

    enum Work {
        case write(Write)
        case read(Read)
    }

    /// Who is told what an entry came to.
    enum Origin {
        case write(Write)
        case mail(([MailReceipt]?) -> Void)
        case own

        /// The same where nobody who writes is told.
        var withoutWriter: Origin {
            if case .write = self { .own } else { self }
        }
    }
}
