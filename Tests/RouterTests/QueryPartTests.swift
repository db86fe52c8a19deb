import Messages
import Model
import NIOCore
import Placement
import Router
import Testing

@Suite struct QueryPartTests {
    private static let (primary, second, third) = (NodeID(1), NodeID(2), NodeID(3))
    private static let partition = PartitionID(0)
    private static let map = PartitionMap(
        clusterID: 1,
        version: 1,
        replicationFactor: 3,
        members: [],
        configurations: [PartitionMap.Configuration(epoch: 1, primary: primary, secondaries: [second, third])]
    )
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let end = now + .seconds(1)

    private func part(_ query: Query, isOfPage: Bool = false, _ reads: ReadPreference, turn: Int = 0) -> QueryPart {
        let terms = CommandTerms(deadline: Self.end, reads: reads, turn: turn)
        return QueryPart(PartitionQuery(partition: Self.partition, query: query), isOfPage: isOfPage, terms)
    }

    private func tweet(_ id: UInt64) -> Tweet {
        Tweet(id: TweetID(id), author: UserID(1), text: "", replyTo: nil, quoteOf: nil, replies: 0)
    }

    private let timeline = Query.userTimeline(UserID(1), count: 20, before: nil, withTexts: false)
    private let tweets = Query.tweets([TweetID(5)])

    @Test func aPrimaryIsAskedAgainAndAgain() {
        var part = part(timeline, .primary, turn: 1)
        for _ in 0..<3 {
            #expect(part.node(in: Self.map) == Self.primary && !part.question.mayBeBehind)
            #expect(part.deadline(now: Self.now, end: Self.end) == Self.end)
            part.goOn()
        }
    }

    @Test func whatIsAskedOfThePrimaryMovesWithIt() {
        let later = PartitionMap(
            clusterID: 1,
            version: 2,
            replicationFactor: 3,
            members: [],
            configurations: [PartitionMap.Configuration(epoch: 2, primary: Self.second, secondaries: [Self.third])]
        )
        #expect(!part(timeline, .primary).hasMoved(from: Self.primary, in: Self.map))
        #expect(part(timeline, .primary).hasMoved(from: Self.primary, in: later))
        #expect(!part(timeline, .any).hasMoved(from: Self.primary, in: later))
        #expect(!part(timeline, .primary).hasMoved(from: Self.primary, in: PartitionMap()), "there is nobody else")
    }

    @Test func membersTakeTurns() {
        var part = part(timeline, .any, turn: 1)
        #expect(part.question.mayBeBehind)
        #expect(part.deadline(now: Self.now, end: Self.end) == Self.now + QueryPart.firstPatience)
        var asked: [NodeID?] = []
        for _ in 0..<3 {
            asked.append(part.node(in: Self.map))
            part.goOn()
        }
        #expect(asked == [Self.second, Self.third, Self.primary])
        #expect(part.deadline(now: Self.now, end: Self.end) == Self.now + .milliseconds(500))
    }

    @Test func onlyTimelinesAndTweetsAreReadBehind() {
        #expect(!part(.users([UserID(1)]), .any).question.mayBeBehind)
        #expect(part(tweets, .any).question.mayBeBehind)
    }

    @Test func aPagesTextsAreAskedOfOthersWhereThePrimaryDoesNotAnswer() {
        var part = part(tweets, isOfPage: true, .primary)
        #expect(part.node(in: Self.map) == Self.primary && !part.question.mayBeBehind)
        let none = Answer.tweets([nil])
        #expect(!part.isInDoubt(none), "the primary knows")
        part.goOn()
        #expect(part.node(in: Self.map) != Self.primary && part.question.mayBeBehind)
        #expect(part.isInDoubt(none))
        part.goOn(toPrimary: true)
        #expect(part.node(in: Self.map) == Self.primary && !part.question.mayBeBehind)
        #expect(!part.isInDoubt(none))
    }

    @Test func whatAPageLacksIsAskedOfThePrimary() {
        let part = part(tweets, isOfPage: true, .any, turn: 2)
        #expect(part.node(in: Self.map) == Self.third && part.isInDoubt(.tweets([nil])))
    }

    /// What a secondary lacks may have been acknowledged by a primary that is gone since.
    @Test func whatNobodyButThePrimaryCouldDenyStaysInDoubt() {
        let unavailable = Refusal.unavailable("partition 0 does not answer")
        var part = part(.tweets([TweetID(5), TweetID(6), TweetID(7)]), isOfPage: true, .primary)
        #expect(part.result(of: .failure(unavailable)).result == .failure(unavailable))
        part.goOn()
        part.keep(.tweets([tweet(5), nil, nil]))
        part.goOn(toPrimary: true)
        part.goOn()
        part.keep(.tweets([nil, tweet(6), nil]))
        let partly = part.result(of: .failure(unavailable))
        #expect(partly.result == .success(.tweets([tweet(5), tweet(6), nil])) && partly.doubt == unavailable)
        let whole = part.result(of: .success(.tweets([nil, nil, nil])))
        #expect(whole.result == .success(.tweets([nil, nil, nil])) && whole.doubt == nil, "the primary knows")
    }
}
