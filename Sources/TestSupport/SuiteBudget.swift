/// How long a suite of random histories may take from its first use on: long enough for all of it on a machine that has nothing else to
/// do. On a slow or busy machine fewer seeds are run, and that is said; it never decides whether a test passes.
package struct SuiteBudget: Sendable {
    private let end: ContinuousClock.Instant

    package init(_ time: Duration = .seconds(240)) {
        end = .now + time
    }

    package var isSpent: Bool { .now >= end }
}
