internal import DequeModule
package import Model

/// Keeps one user's commands in order while one of them is tried again: those that come later wait behind it, and go
/// on, oldest first, when it is answered.
///
/// A pure bookkeeper over the work's numbers, which grow in the order of arrival.
package struct RetryOrder<Work> {
    private struct Line {
        /// The command that is tried again.
        let head: UInt64
        var waiting: [(number: UInt64, work: Work)] = []

        /// Usually behind all others: the place is looked for from there.
        mutating func keep(_ number: UInt64, _ work: Work) {
            let before = waiting.lastIndex { $0.number < number }
            waiting.insert((number, work), at: before.map { $0 + 1 } ?? 0)
        }
    }

    private var lines: [Actor: Line] = [:]
    /// Writes without an answer, oldest first.
    private var writes: [Actor: Deque<UInt64>] = [:]
    private var lastNumber: UInt64 = 0

    package init() {}

    /// A number for a command that has arrived.
    package mutating func number() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    /// A write begins. It ends with `answered`.
    package mutating func begin(write number: UInt64, for actor: Actor) {
        writes[actor, default: []].append(number)
    }

    /// Whether a write of the actor that came before has no answer yet.
    package func isBehindWrite(_ number: UInt64, for actor: Actor) -> Bool {
        writes[actor]?.first.map { $0 < number } ?? false
    }

    /// Whether the command must wait, because an older one of its actor is tried again; if so, it is kept.
    package mutating func mustWait(_ number: UInt64, for actor: Actor, _ work: Work) -> Bool {
        guard let head = lines[actor]?.head, head < number else { return false }
        lines[actor]?.keep(number, work)
        return true
    }

    /// The command was refused for now and will be tried again: later ones wait. To be called where `mustWait` says no.
    package mutating func willRetry(_ number: UInt64, for actor: Actor) {
        guard lines[actor]?.head != number else { return }
        lines[actor] = Line(head: number, waiting: lines[actor]?.waiting ?? [])
    }

    /// The write is answered.
    ///
    /// - Returns: what may go on now, in its order.
    package mutating func answered(_ number: UInt64, for actor: Actor) -> [Work] {
        if let index = writes[actor]?.firstIndex(of: number) {
            writes[actor]?.remove(at: index)
            if writes[actor]?.isEmpty == true { writes[actor] = nil }
        }
        guard let line = lines[actor], line.head == number else { return [] }
        lines[actor] = nil
        return line.waiting.map(\.work)
    }
}
