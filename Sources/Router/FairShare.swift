internal import DequeModule

/// Bounds how much of one user's work is under way at a time: what is beyond waits for its turn, so that somebody who
/// asks without a pause fills no queue that others wait in.
///
/// A pure bookkeeper: it says what may begin; its owner begins it, and bounds how much waits.
package struct FairShare<Key: Hashable, Work> {
    private struct Line {
        var underWay = 0
        var waiting: Deque<Work> = []
    }

    private let limit: Int
    private var lines: [Key: Line] = [:]

    /// - Parameter limit: pieces of work of one user that are under way together, at least 1.
    package init(limit: Int) {
        self.limit = max(1, limit)
    }

    /// Whether the work may begin now; else it waits, and `end` will return it.
    package mutating func arrive(_ key: Key, _ work: @autoclosure () -> Work) -> Bool {
        guard lines[key, default: Line()].underWay >= limit else {
            lines[key, default: Line()].underWay += 1
            return true
        }
        lines[key]?.waiting.append(work())
        return false
    }

    /// A piece of work has ended.
    ///
    /// - Returns: what begins in its place.
    package mutating func end(_ key: Key) -> Work? {
        guard var line = lines[key] else { return nil }
        if let next = line.waiting.popFirst() {
            lines[key] = line
            return next
        }
        line.underWay -= 1
        lines[key] = line.underWay > 0 ? line : nil
        return nil
    }
}
