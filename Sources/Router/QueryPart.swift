package import Messages
package import Model
package import NIOCore
package import Placement

/// One part of a query on its way: whom it is asked of, attempt after attempt.
package struct QueryPart {
    /// How long the first of several nodes that could answer is waited for; those after it for half of the time that is left,
    /// so that a cluster that is slow everywhere is not asked ever more.
    package static let firstPatience = TimeAmount.milliseconds(200)
    private static let leastPatience = TimeAmount.milliseconds(100)

    private let query: PartitionQuery
    private let isOfPage: Bool
    private let turn: Int
    private var attempt = 0
    private var isForPrimary = false
    /// Of a page's tweets, those that somebody else than the primary has.
    private var known: [Tweet?] = []

    /// - Parameter isOfPage: whether it is for the texts of a page that is made already.
    package init(_ query: PartitionQuery, isOfPage: Bool, _ terms: CommandTerms) {
        var query = query
        query.mayBeBehind = terms.reads(anyMemberFor: query.query)
        self.query = query
        self.isOfPage = isOfPage
        turn = terms.turn
    }

    package var partition: PartitionID { query.partition }

    /// What is asked now. A page's texts are asked of the primary first, and of others where it does not answer.
    package var question: PartitionQuery {
        var question = query
        question.mayBeBehind = !isForPrimary && (query.mayBeBehind || isOfPage && attempt > 0)
        return question
    }

    /// Whom: members take turns, so that one that cannot answer is followed by another.
    package func node(in map: PartitionMap) -> NodeID? {
        guard question.mayBeBehind, let configuration = map.configuration(of: partition) else {
            return map.primary(of: partition)
        }
        let members = query.mayBeBehind ? configuration.replicas : configuration.secondaries
        guard !members.isEmpty else { return configuration.primary }
        return members[(turn + attempt) % members.count]
    }

    /// Whether a node was asked as the primary, and another one is now.
    package func hasMoved(from node: NodeID, in map: PartitionMap) -> Bool {
        guard !question.mayBeBehind, let primary = map.primary(of: partition) else { return false }
        return primary != node
    }

    /// Until when it is waited for.
    package func deadline(now: NIODeadline, end: NIODeadline) -> NIODeadline {
        guard query.mayBeBehind || isOfPage else { return end }
        guard attempt > 0 else { return min(end, now + QueryPart.firstPatience) }
        return min(end, now + max(QueryPart.leastPatience, .nanoseconds((end - now).nanoseconds / 2)))
    }

    /// Whether an answer may lack what only the primary knows to be gone.
    package func isInDoubt(_ answer: Answer) -> Bool {
        guard isOfPage, question.mayBeBehind, case .tweets(let tweets) = answer else { return false }
        return tweets.contains(nil)
    }

    /// Keeps what an answer in doubt has, for when the primary does not answer in time.
    package mutating func keep(_ answer: Answer) {
        guard case .tweets(let tweets) = answer else { return }
        known = known.count == tweets.count ? zip(known, tweets).map { $0 ?? $1 } : tweets
    }

    /// What came of the part in the end: only a primary's word counts that a tweet is gone.
    package func result(of last: Result<Answer, Refusal>) -> PartResult {
        guard case .failure(let refusal) = last, !known.isEmpty else { return PartResult(last) }
        return PartResult(.success(.tweets(known)), doubt: refusal)
    }

    /// The next attempt.
    package mutating func goOn(toPrimary isForPrimary: Bool = false) {
        attempt += 1
        self.isForPrimary = isForPrimary
    }
}
