internal import DequeModule
package import Model

/// Keeps what is done for one actor in the order in which it was asked, while it waits for other partitions or for
/// the log: a write begins when those before it have entered the log, a read when those before it are answered.
///
/// A pure bookkeeper: it says what may begin; its owner begins it.
package struct ActorQueue<Work> {
    /// How a piece of work relates to those before it.
    package enum Kind: Equatable, Sendable {
        case read
        case write
        /// A write that begins only when everything before it is answered.
        case exclusiveWrite
    }

    private struct Line {
        /// Writes that have begun and are not answered.
        var unanswered = 0
        /// Whether the last write to begin has not entered the log yet.
        var isEntering = false
        var waiting: Deque<(kind: Kind, work: Work)> = []

        var isIdle: Bool { unanswered == 0 && waiting.isEmpty }

        private func mayBegin(_ kind: Kind) -> Bool {
            switch kind {
            case .read, .exclusiveWrite: unanswered == 0
            case .write: !isEntering
            }
        }

        /// - Returns: whether the work may begin at once; else it waits.
        mutating func arrive(_ kind: Kind, _ work: () -> Work) -> Bool {
            guard waiting.isEmpty, mayBegin(kind) else {
                waiting.append((kind, work()))
                return false
            }
            begin(kind)
            return true
        }

        mutating func next() -> Work? {
            guard let first = waiting.first, mayBegin(first.kind) else { return nil }
            waiting.removeFirst()
            begin(first.kind)
            return first.work
        }

        mutating func answered() {
            unanswered -= 1
            isEntering = isEntering && unanswered > 0
        }

        private mutating func begin(_ kind: Kind) {
            guard kind != .read else { return }
            unanswered += 1
            isEntering = true
        }
    }

    /// Changed where they are: a copy of a long line for each piece of work would hold everybody up.
    private var lines: [Actor: Line] = [:]
    package private(set) var waitingCount = 0

    package init() {}

    /// Whether the work may begin now; else it waits, and `next` will return it.
    package mutating func arrive(_ kind: Kind, for actor: Actor, _ work: @autoclosure () -> Work) -> Bool {
        guard let begins = lines[actor]?.arrive(kind, work) else {
            if kind != .read { lines[actor] = Line(unanswered: 1, isEntering: true) }
            return true
        }
        if !begins { waitingCount += 1 }
        return begins
    }

    /// A write has entered the log, or has been given up before it could.
    package mutating func entered(_ actor: Actor) {
        lines[actor]?.isEntering = false
    }

    /// A write has been answered.
    package mutating func answered(_ actor: Actor) {
        lines[actor]?.answered()
        forgetIdle(actor)
    }

    /// The next piece of work of the actor that may begin; to be called until it returns nil after each `entered`
    /// and `answered`.
    package mutating func next(_ actor: Actor) -> Work? {
        guard let work = lines[actor]?.next() else { return nil }
        waitingCount -= 1
        forgetIdle(actor)
        return work
    }

    private mutating func forgetIdle(_ actor: Actor) {
        if lines[actor]?.isIdle == true { lines[actor] = nil }
    }

    /// Takes everything that waits, for when the partition stops.
    package mutating func removeAll() -> [Work] {
        let all = lines.values.flatMap { $0.waiting.map(\.work) }
        lines = [:]
        waitingCount = 0
        return all
    }
}
