/// How many commands to one node may be under way so that none of them waits long: more are refused at once, while
/// refusing is cheap, instead of being taken and given up later.
///
/// By Little's law what is under way is the rate at which commands are answered times how long they take. When they take
/// longer than they should, the limit becomes that rate times the time that they should take; when they do not, it grows.
/// Pure: it is told the time in turns.
package struct ConcurrencyLimit: Sendable {
    private static let smallest = 256
    /// How much the newest turn counts in the rate: the rate is one of about half a second.
    private static let weight = 0.1
    private static let growth = 1.1

    private let largest: Int
    private let targetNanoseconds: Int64
    package private(set) var limit: Int
    package private(set) var inFlight = 0
    /// Commands answered in a nanosecond, smoothed.
    private var rate = 0.0
    private var turns = 0
    private var finished: Int64 = 0
    private var total: Int64 = 0
    private var silence: Int64 = 0
    private var peak = 0

    /// - Parameters:
    ///   - largest: never more, however fast answers come.
    ///   - target: the mean time that commands may take.
    package init(largest: Int, targetNanoseconds: Int64) {
        self.largest = largest
        self.targetNanoseconds = targetNanoseconds
        limit = largest
    }

    private var smallest: Int { min(largest, ConcurrencyLimit.smallest) }

    /// Whether there is nothing to learn from further turns.
    package var isAtRest: Bool { inFlight == 0 && limit == largest }

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
        turns += 1
        // The first turns are a mean of all of them: a rate that began at nothing would be too low for long.
        let weight = max(ConcurrencyLimit.weight, 1 / Double(turns))
        rate += (Double(finished) / Double(max(1, nanoseconds)) - rate) * weight
        // A node that says nothing at all is as slow as that.
        silence = finished == 0 && inFlight > 0 ? silence + nanoseconds : 0
        let mean = finished > 0 ? total / finished : silence
        // A few slow commands on a node that has little to do are not overload.
        if mean > targetNanoseconds, peak >= smallest {
            let fitting = min(Double(limit), rate * Double(targetNanoseconds))
            limit = max(smallest, Int(fitting))
        } else if mean < targetNanoseconds / 2 {
            limit = min(largest, Int(Double(limit) * ConcurrencyLimit.growth))
        }
        finished = 0
        total = 0
        peak = inFlight
    }
}
