import Client
import LoadGenerator
import NIOCore
import NIOPosix
import Testing

/// What makes a run void: pages that are not what was posted.
@Suite struct PostedTweetsTests {
    /// Of users 0, 1 and 2, who all follow each other.
    private let bench = Workbench(service: NoService(), graph: StandardGraph(users: 3, least: 2, most: 2)) { _ in }

    private func tweets(_ posted: [(author: Int, id: UInt64)]) -> PostedTweets {
        let tweets = PostedTweets(bench)
        for (author, id) in posted {
            #expect(tweets.note(.posted(id), by: author, "text of \(id)") == nil)
        }
        return tweets
    }

    private func page(_ ids: [UInt64], texts: [String]? = nil) -> Outcome {
        .page(ids, texts: texts ?? ids.map { "text of \($0)" }, next: nil)
    }

    @Test func aHomeHoldsWhatThoseAndTheReaderPosted() {
        let tweets = tweets([(0, 10), (1, 11), (2, 12)])
        // What was there before the run comes behind it, and is no matter.
        #expect(tweets.problemOfPage(page([12, 11, 10, 9, 3]), of: 0) == nil)
        #expect(tweets.problemOfPage(page([12, 10, 9]), of: 0) == "home of 0: 11 is missing")
        #expect(tweets.problemOfPage(page([12, 10, 11]), of: 0) == "home of 0: a page out of order")
        #expect(tweets.problemOfPage(page([12, 11, 11, 10]), of: 0) == "home of 0: a page out of order")
        #expect(
            tweets.problemOfPage(page([13, 12, 11, 10]), of: 0)
                == "home of 0: 13 was posted by nobody who is followed, unless since an earlier run"
        )
        #expect(tweets.problemOfPage(.done, of: 0) == "home of 0: not a page")
    }

    @Test func textsAreThoseThatWerePosted() {
        let tweets = tweets([(0, 10), (1, 11)])
        #expect(
            tweets.problemOfPage(page([11, 10, 3], texts: ["text of 11", "text of 10", "of an earlier run"]), of: 0)
                == nil
        )
        #expect(
            tweets.problemOfPage(page([11, 10], texts: ["text of 11", "text of 11"]), of: 0)
                == "home of 0: the text of 10 is \"text of 11\""
        )
        #expect(tweets.problemOfPage(page([11, 10], texts: ["text of 11"]), of: 0) == "home of 0: 1 texts of 2")
    }

    @Test func aFullPageNeedsNotHoldWhatIsOlder() {
        let tweets = tweets((1...60).map { (1, UInt64($0)) })
        #expect(tweets.problemOfPage(page((11...60).reversed().map { UInt64($0) }), of: 0) == nil)
        #expect(tweets.problemOfPage(page((12...60).reversed().map { UInt64($0) }), of: 0) != nil)
        let gap = [60] + (10...58).reversed().map { UInt64($0) }
        #expect(tweets.problemOfPage(page(gap), of: 0) == "home of 0: 59 is missing")
    }

    @Test func whomAReaderFollowedMeanwhileMayBeThere() {
        let bench = Workbench(service: NoService(), graph: StandardGraph(users: 3, least: 1, most: 1)) { _ in }
        let followed = Int(bench.graph.following[0][0])
        let other = 3 - followed
        let mix = OperationMix(bench) { _ in .createUser(0) }
        #expect(mix.problem(of: .posted(10), to: .post(author: other, text: "text of 10")) == nil)
        #expect(mix.problem(of: .posted(11), to: .post(author: followed, text: "text of 11")) == nil)
        #expect(
            mix.tweets.problemOfPage(page([11, 10]), of: 0)
                == "home of 0: 10 was posted by nobody who is followed, unless since an earlier run"
        )
        #expect(mix.problem(of: .done, to: .follow(follower: 0, author: other)) == nil)
        #expect(mix.tweets.problemOfPage(page([11, 10]), of: 0) == nil)
        #expect(mix.tweets.problemOfPage(page([11]), of: 0) == nil)
        #expect(mix.tweets.problemOfPage(page([10]), of: 0) == "home of 0: 11 is missing")
    }

    @Test func anAuthorsPageHoldsTheirsAlone() {
        let tweets = tweets([(0, 10), (1, 11), (0, 12)])
        #expect(tweets.problemOfAuthored(page([12, 10, 2]), by: 0) == nil)
        #expect(tweets.problemOfAuthored(page([12, 11, 10]), by: 0) != nil)
        #expect(tweets.problemOfAuthored(page([12]), by: 0) == "tweets of 0: 10 is missing")
        #expect(tweets.note(.done, by: 0, "") == "a post came to done")
    }
}

/// Nobody asks it.
private struct NoService: TimelineService {
    let name = "none"
    let promise = "nothing"
    let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

    func load(_ graph: StandardGraph) async throws -> Double? { nil }
    func perform(_ operation: LoadGenerator.Operation, _ completion: @escaping Completion) {
        completion(.failure(.refused("nobody is there")))
    }
    func settle() async throws {}
}
