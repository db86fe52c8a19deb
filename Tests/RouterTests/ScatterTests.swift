import Messages
import Model
import Router
import Testing
import Wire

@Suite struct ScatterTests {
    /// Even tweets are in one partition, odd ones in another, and those from 100 on nowhere.
    private let scatter = Scatter((1...4).map { TweetID($0) } + [TweetID(100)]) { tweet in
        tweet.rawValue < 100 ? PartitionID(UInt16(tweet.rawValue % 2)) : nil
    }

    private func gathered(_ results: [PartResult]) -> [RESPValue] {
        scatter.gather(results) { answer in
            guard case .tweets(let tweets) = answer else { return nil }
            return tweets.map { $0.map { .integer(Int64($0.id.rawValue)) } ?? .null }
        }
    }

    private func tweet(_ id: UInt64) -> Tweet {
        Tweet(id: TweetID(id), author: UserID(1), text: "", replyTo: nil, quoteOf: nil, replies: 0)
    }

    @Test func answersAreInTheOrderOfTheItems() {
        #expect(scatter.queries { .tweets($0) }.map(\.partition) == [PartitionID(0), PartitionID(1)])
        let even = PartResult(.success(.tweets([tweet(2), nil])))
        let odd = PartResult(.success(.tweets([tweet(1), tweet(3)])))
        #expect(gathered([even, odd]) == [.integer(1), .integer(2), .integer(3), .null, .null])
    }

    @Test func whatIsInDoubtAndWhatIsNotAnsweredAreErrorsInTheirPlaces() {
        let doubted = PartResult(.success(.tweets([tweet(2), nil])), doubt: .unavailable("no primary"))
        let error = RESPValue.error("UNAVAILABLE no primary")
        let odd = PartResult(.success(.tweets([tweet(1), tweet(3)])))
        #expect(gathered([doubted, odd]) == [.integer(1), .integer(2), .integer(3), error, .null])
        let unanswered = PartResult(.failure(.unavailable("no primary")))
        #expect(gathered([doubted, unanswered]) == [error, .integer(2), error, error, .null])
    }
}
