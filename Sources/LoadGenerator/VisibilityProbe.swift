internal import Client
internal import Histogram
internal import NIOCore

/// Posts now and then, and asks a follower's home until the tweet is there.
struct VisibilityProbe: Sendable {
    private static let patience = Duration.seconds(5)

    let graph: StandardGraph

    /// Probes one after the other for so many seconds; the latencies are from before the post to the read that shows
    /// it.
    func run(_ stream: CommandStream, seconds: Double) async throws -> StreamResult {
        var result = StreamResult()
        var random = SeededNumbers(seed: 23)
        let clock = ContinuousClock()
        let end = clock.now + .seconds(seconds)
        while clock.now < end {
            let reader = Int.random(in: 0..<graph.users, using: &random)
            guard let author = graph.following[reader].randomElement(using: &random) else { continue }
            let began = clock.now
            let reply = try await stream.ask(["TWEET.POST", String(author), "probe"])
            guard let id = reply.string.flatMap({ UInt64($0) }) else {
                result.errorCount += 1
                continue
            }
            while true {
                let page = try await stream.ask(["TIMELINE.HOME", String(reader), "COUNT", "200", "IDS"])
                let time = clock.now - began
                if Workbench.ids(page)?.contains(id) ?? false {
                    result.commands += 1
                    _ = result.latency.record(UInt64(max(1, time.inSeconds * 1e6)))
                    break
                }
                guard time < VisibilityProbe.patience else {
                    result.errorCount += 1
                    result.errors.append("tweet \(id) of \(author) is not visible to \(reader)")
                    break
                }
            }
        }
        return result
    }
}
