internal import Model
package import NIOCore

/// Who may answer a connection's timeline reads: `READ`, and the setting `router.reads`.
package enum ReadPreference: String, Sendable {
    /// The primary: what was acknowledged before is seen.
    case primary
    /// Any member that is behind by no more than `ReplicationTimes.staleness`.
    case any
}

/// On what terms a command is carried out, whatever it is.
package struct CommandTerms {
    let deadline: NIODeadline
    let reads: ReadPreference
    /// Which member is asked first where any may answer: 0 or more.
    let turn: Int

    package init(deadline: NIODeadline, reads: ReadPreference, turn: Int) {
        self.deadline = deadline
        self.reads = reads
        self.turn = turn
    }

    func reads(anyMemberFor query: Query) -> Bool {
        guard reads == .any else { return false }
        return switch query {
        case .home, .userTimeline, .tweets: true
        default: false
        }
    }
}
