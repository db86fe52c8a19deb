/// How long a suite of random histories may take from its first use on: long enough for all of its seeds on a machine that has nothing
/// else to do. On a slow or busy one fewer seeds are run, which the suite prints; what each of them must show stays the same.
package struct SuiteBudget: Sendable {
    private let end: ContinuousClock.Instant

    package init(_ time: Duration = .seconds(240)) {
        end = .now + time
    }

    package var isSpent: Bool { .now >= end }
}
