internal import Model

/// What a secondary knows of how new its copy is: behind which entry it has all that anybody was told before when, by its own
/// clock. A primary sends the times back that it was told, so that no two clocks are compared.
struct Freshness {
    private struct Mark {
        let index: LogIndex
        let time: MonotonicTime
    }

    private static let mostMarks = 8

    /// Oldest first. A few, because what is applied is behind what is committed.
    private var marks: [Mark] = []

    /// - Parameter staleness: marks are kept for so long.
    mutating func note(_ index: LogIndex, isCompleteAsOf time: MonotonicTime, within staleness: MonotonicTime) {
        let pause = staleness / MonotonicTime(Freshness.mostMarks)
        guard time > 0, time >= (marks.last?.time ?? 0) + pause else { return }
        if marks.count == Freshness.mostMarks { marks.removeFirst() }
        marks.append(Mark(index: index, time: time))
    }

    /// Whether a copy up to an entry lacks nothing that anybody was told longer than `staleness` ago.
    func isFresh(applied: LogIndex, now: MonotonicTime, within staleness: MonotonicTime) -> Bool {
        marks.contains { $0.index <= applied && $0.time + staleness >= now }
    }
}
