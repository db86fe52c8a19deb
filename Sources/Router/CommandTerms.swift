internal import Messages
internal import Model
internal import NIOCore

/// Who may answer a connection's timeline reads: `READ`, and the setting `router.reads`.
package enum ReadPreference: String, Sendable {
    /// The primary: what was acknowledged before is seen.
    case primary
    /// Any member that is behind by no more than `ReplicationTimes.staleness`.
    case any
}

/// On what terms a command is carried out, whatever it is.
struct CommandTerms {
    let deadline: NIODeadline
    let reads: ReadPreference

    func reads(anyMemberFor query: Query) -> Bool {
        guard reads == .any else { return false }
        return switch query {
        case .home, .userTimeline, .tweets: true
        default: false
        }
    }
}

extension PartitionQuery {
    func with(_ terms: CommandTerms) -> PartitionQuery {
        var query = self
        query.mayBeBehind = terms.reads(anyMemberFor: self.query)
        return query
    }
}
