/// How many commands to one node may be under way so that none of them waits long: more are refused at once, while
/// refusing is cheap, instead of being taken and given up later.
///
/// Additive increase and multiplicative decrease on the mean time that commands take (Chiu and Jain, "Analysis of the
/// increase and decrease algorithms for congestion avoidance", 1989). Pure: it is told the time in turns.
package struct ConcurrencyLimit: Sendable {
    private static let smallest = 64
    private static let increase = 64
    private static let decrease = 0.75

    private let largest: Int
    private let targetNanoseconds: Int64
    package private(set) var limit: Int
    package private(set) var inFlight = 0
    private var peak = 0
    private var finished: Int64 = 0
    private var total: Int64 = 0
    private var turnsWithoutAnswer: Int64 = 0

    /// - Parameters:
    ///   - largest: never more, however fast answers come.
    ///   - target: the mean time that commands may take.
    package init(largest: Int, targetNanoseconds: Int64) {
        self.largest = largest
        self.targetNanoseconds = targetNanoseconds
        limit = largest
    }

    /// - Returns: false where the command is one too many.
    package mutating func begin() -> Bool {
        guard inFlight < limit else { return false }
        inFlight += 1
        peak = max(peak, inFlight)
        return true
    }

    package mutating func end(after nanoseconds: Int64) {
        inFlight -= 1
        finished += 1
        total += nanoseconds
    }

    /// To be called every so often, with the time since it was called last.
    package mutating func turn(after nanoseconds: Int64) {
        defer {
            peak = inFlight
            finished = 0
            total = 0
        }
        guard finished > 0 else {
            // A node that says nothing at all is as slow as that.
            turnsWithoutAnswer = inFlight > 0 ? turnsWithoutAnswer + 1 : 0
            if turnsWithoutAnswer * nanoseconds > targetNanoseconds { shrink() }
            return
        }
        turnsWithoutAnswer = 0
        if total / finished > targetNanoseconds {
            shrink()
        } else if peak * 2 > limit {
            limit = min(largest, limit + max(ConcurrencyLimit.increase, limit / 16))
        }
    }

    /// From what was really under way: a limit that nobody reached says nothing.
    private mutating func shrink() {
        limit = max(ConcurrencyLimit.smallest, Int(Double(min(limit, max(peak, 1))) * ConcurrencyLimit.decrease))
    }
}
