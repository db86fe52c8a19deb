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

        func mayBegin(_ kind: Kind) -> Bool {
            switch kind {
            case .read, .exclusiveWrite: unanswered == 0
            case .write: !isEntering
            }
        }
    }

    private var lines: [Actor: Line] = [:]
    package private(set) var waitingCount = 0

    package init() {}

    /// Whether the work may begin now; else it waits, and `next` will return it.
    package mutating func arrive(_ kind: Kind, for actor: Actor, _ work: @autoclosure () -> Work) -> Bool {
        guard var line = lines[actor] else {
            if kind != .read { lines[actor] = Line(unanswered: 1, isEntering: true) }
            return true
        }
        if line.waiting.isEmpty, line.mayBegin(kind) {
            begin(kind, &line)
            lines[actor] = line
            return true
        }
        line.waiting.append((kind, work()))
        waitingCount += 1
        lines[actor] = line
        return false
    }

    /// A write has entered the log, or has been given up before it could.
    package mutating func entered(_ actor: Actor) {
        lines[actor]?.isEntering = false
    }

    /// A write has been answered.
    package mutating func answered(_ actor: Actor) {
        guard var line = lines[actor] else { return }
        line.unanswered -= 1
        line.isEntering = line.isEntering && line.unanswered > 0
        lines[actor] = line.isIdle ? nil : line
    }

    /// The next piece of work of the actor that may begin; to be called until it returns nil after each `entered`
    /// and `answered`.
    package mutating func next(_ actor: Actor) -> Work? {
        guard var line = lines[actor], let first = line.waiting.first, line.mayBegin(first.kind) else { return nil }
        line.waiting.removeFirst()
        waitingCount -= 1
        begin(first.kind, &line)
        lines[actor] = line.isIdle ? nil : line
        return first.work
    }

    /// Takes everything that waits, for when the partition stops.
    package mutating func removeAll() -> [Work] {
        let all = lines.values.flatMap { $0.waiting.map(\.work) }
        lines = [:]
        waitingCount = 0
        return all
    }

    private func begin(_ kind: Kind, _ line: inout Line) {
        guard kind != .read else { return }
        line.unanswered += 1
        line.isEntering = true
    }
}
