package import Client
package import NIOCore

/// One thing that a front end does, as workloads draw it. Users and authors are numbers of the graph.
package enum Operation: Sendable {
    case createUser(Int)
    case follow(follower: Int, author: Int)
    case post(author: Int, text: String)
    /// Entries of a home timeline behind the newest ones, of which some are skipped.
    case home(reader: Int, skip: Int = 0, count: Int, texts: Bool)
    /// What has come into a home timeline since a checkpoint, or its newest page where there is none.
    case check(reader: Int, since: Checkpoint?)
    case userTimeline(author: Int, skip: Int = 0, count: Int)

    /// Whose operation it is: those of one actor take effect in their order.
    var actor: Int {
        switch self {
        case .createUser(let user): user
        case .follow(let follower, _): follower
        case .post(let author, _): author
        case .home(let reader, _, _, _), .check(let reader, _): reader
        case .userTimeline(let author, _, _): author
        }
    }
}

/// Up to where a reader has read, in the service's own terms.
package enum Checkpoint: Sendable {
    case position(String)
    case number(UInt64)
}

/// What came of an operation.
package enum Outcome: Sendable {
    case done
    case posted(UInt64)
    /// Ids newest first; the texts that came with them, in their order; where a later check goes on.
    case page([UInt64], texts: [String], next: Checkpoint?)

    package var ids: [UInt64]? {
        guard case .page(let ids, _, _) = self else { return nil }
        return ids
    }
}

/// A service that distributes posts into home timelines, as the ruler sees it: Rookery, and what people use today.
package protocol TimelineService: Sendable {
    typealias Completion = (Result<Outcome, ClientError>) -> Void

    /// For tables: `rookery`, `redis`, `postgres-pull`.
    var name: String { get }
    /// What is promised of an acknowledged write, and what is different from its defaults.
    var promise: String { get }
    var loop: any EventLoop { get }

    /// Creates the users and the follow edges that are not there yet.
    ///
    /// - Returns: edges a second, where loading is a figure.
    func load(_ graph: StandardGraph) async throws -> Double?

    /// Carries out an operation. On the loop only; `completion` is called once, on the loop.
    func perform(_ operation: Operation, _ completion: @escaping Completion)

    /// Waits until what was acknowledged is delivered, so that one part of a workload does not slow the next.
    func settle() async throws

    /// Whether settling is the rest of what was posted, and so a figure; false where it is upkeep that nobody waits for.
    var settlingIsDelivery: Bool { get }
}

extension TimelineService {
    package var settlingIsDelivery: Bool { false }

    /// One operation and what came of it. From any thread.
    package func ask(_ operation: Operation) async throws -> Outcome {
        let promise = loop.makePromise(of: Outcome.self)
        loop.execute {
            perform(operation) { promise.completeWith($0.mapError { $0 as any Error }) }
        }
        return try await promise.futureResult.get()
    }

    /// Keeps `window` operations under way until `count` are done.
    ///
    /// - Parameter check: looks at what came of one; returns what is wrong with it.
    package func closed(
        count: Int,
        window: Int = 256,
        make: @escaping @Sendable (Int) -> Operation,
        check: @escaping @Sendable (Int, Outcome) -> String? = { _, _ in nil }
    ) async throws -> StreamResult {
        try await LoadRun.closed(on: loop, count: count, window: window) { number, done in
            perform(make(number)) { done(problem(number, $0, check)) }
        }
    }

    /// Begins `rate` operations a second for so many seconds.
    package func open(
        rate: Double,
        seconds: Double,
        make: @escaping @Sendable (Int) -> Operation,
        check: @escaping @Sendable (Int, Outcome) -> String? = { _, _ in nil }
    ) async throws -> StreamResult {
        try await LoadRun.open(on: loop, rate: rate, seconds: seconds) { number, done in
            perform(make(number)) { done(problem(number, $0, check)) }
        }
    }

    private func problem(
        _ number: Int,
        _ result: Result<Outcome, ClientError>,
        _ check: @Sendable (Int, Outcome) -> String?
    ) -> String? {
        switch result {
        case .success(let outcome): check(number, outcome)
        case .failure(let error): error.description
        }
    }
}
