internal import Client
internal import Histogram
internal import NIOCore
internal import Randomness

/// Posts now and then, and asks a follower's home until the tweet is there.
package struct VisibilityProbe: Sendable {
    package struct Result: Sendable {
        /// From before a post to its answer.
        var posted = StreamResult()
        /// From before a post to the read that shows it.
        var visible = StreamResult()
        /// Samples that do not tell, because a page was full of newer tweets.
        var lost = 0
    }

    private static let patience = Duration.seconds(5)
    private static let pause = Duration.milliseconds(5)
    private static let pageSize = 200

    private let authors: WeightedSampler
    private let followers: [[Int32]]

    /// Takes a while, and a processor: to be made before anything is measured.
    init(graph: StandardGraph) {
        authors = WeightedSampler(weights: graph.postWeights)
        followers = graph.followers
    }

    /// Probes one after the other for so many seconds.
    ///
    /// - Parameter tweets: told what the probe posts.
    func run(_ service: any TimelineService, seconds: Double, _ tweets: PostedTweets) async throws -> Result {
        var result = Result()
        var random = SeededGenerator(seed: 23)
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        while clock.now < end {
            // Authors by the post weights, like all posts: whom a random reader follows has far more followers.
            let author = authors.draw(&random)
            guard let reader = followers[author].randomElement(using: &random) else { continue }
            try await Task.sleep(for: VisibilityProbe.pause)
            let began = clock.now
            let outcome = try? await service.ask(.post(author: author, text: "probe"))
            guard let outcome, case .posted(let id) = outcome else {
                result.visible.errorCount += 1
                continue
            }
            VisibilityProbe.record(clock.now - began, &result.posted)
            _ = tweets.note(outcome, by: author, "probe")
            while true {
                let page = try? await service.ask(
                    .home(reader: Int(reader), count: VisibilityProbe.pageSize, texts: false)
                )
                let time = clock.now - began
                let ids = page?.ids ?? []
                if ids.contains(id) {
                    VisibilityProbe.record(time, &result.visible)
                    break
                }
                // A page full of newer tweets does not tell: this sample is lost.
                if ids.count == VisibilityProbe.pageSize, let oldest = ids.last, oldest > id {
                    result.lost += 1
                    break
                }
                // Asking without a pause would be a load of its own.
                try await Task.sleep(for: .milliseconds(1))
                guard time < VisibilityProbe.patience else {
                    result.visible.note("tweet \(id) of \(author) is not visible to \(reader)")
                    break
                }
            }
        }
        return result
    }

    private static func record(_ time: Duration, _ result: inout StreamResult) {
        result.record(microseconds: Int64(time.inSeconds * 1e6))
    }
}
