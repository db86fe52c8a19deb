internal import DequeModule
package import Model
package import NIOCore

/// Lets no user have much more under way than others have, while there are others: who asks without a pause waits for a turn
/// here, where that costs nothing, and not all others wait for the processors behind it.
///
/// A few commands are always let through, and a user who is alone is not held up at all. A user's commands keep their order.
/// Pure: it is told the time.
package struct FairShare<Work> {
    /// For so long after somebody else's command a user is not alone.
    package static var memory: TimeAmount { .milliseconds(100) }
    /// A user may have one command under way for so many that others have, and `free` in any case.
    package static var othersForOne: Int { 4 }

    /// What waits for one user's turn, oldest first.
    private struct Line {
        var waiting: Deque<Waiting> = []
        /// How many of them a client has sent.
        var byClient: [UInt64: Int] = [:]

        mutating func forget(_ client: UInt64) {
            guard let count = byClient[client] else { return }
            byClient[client] = count > 1 ? count - 1 : nil
        }
    }

    private struct Waiting {
        let client: UInt64
        let end: NIODeadline
        let work: Work
    }

    private let free: Int
    private let mostWaiting: Int
    private var underWay: [UserID: Int] = [:]
    private var lines: [UserID: Line] = [:]
    /// How many commands wait for a turn, of all users.
    package private(set) var waitingCount = 0
    /// The last two who sent commands, newest first; nil is somebody who is not known.
    private var newest: (user: UserID?, at: NIODeadline) = (nil, .distantPast)
    private var previous: (user: UserID?, at: NIODeadline) = (nil, .distantPast)

    /// - Parameters:
    ///   - free: how many commands of a user may be under way whatever others do.
    ///   - mostWaiting: how many of one user may wait.
    package init(free: Int, mostWaiting: Int) {
        self.free = free
        self.mostWaiting = mostWaiting
    }

    /// To be called for each command that arrives.
    ///
    /// - Parameter user: who sends it; nil where the command does not say.
    package mutating func note(_ user: UserID?, now: NIODeadline) {
        if newest.user != user { previous = newest }
        newest = (user, now)
    }

    /// Whether commands of the user wait.
    package func isWaiting(_ user: UserID) -> Bool { lines[user] != nil }

    /// Whether commands of the user wait that a client has sent: what it asks of that user later must see what they do.
    package func isWaiting(_ user: UserID, from client: UInt64) -> Bool { lines[user]?.byClient[client] != nil }

    /// Whether one more command of the user may be under way.
    ///
    /// - Parameter all: how many commands are under way, this user's and everybody's.
    package func mayBegin(_ user: UserID, among all: Int, now: NIODeadline) -> Bool {
        let own = underWay[user] ?? 0
        if own < max(free, (all - own) / FairShare.othersForOne) { return true }
        let other = newest.user == user ? previous : newest
        return now - other.at > FairShare.memory
    }

    /// A command of the user is under way. It ends with `end`.
    package mutating func begin(_ user: UserID) {
        underWay[user, default: 0] += 1
    }

    package mutating func end(_ user: UserID) {
        guard let own = underWay[user] else { return }
        underWay[user] = own > 1 ? own - 1 : nil
    }

    /// Keeps a client's command until the user's turn comes, or until the time is over that it may wait.
    ///
    /// - Returns: false where too many wait already.
    package mutating func wait(_ user: UserID, from client: UInt64, until end: NIODeadline, _ work: Work) -> Bool {
        guard lines[user]?.waiting.count ?? 0 < mostWaiting else { return false }
        lines[user, default: Line()].waiting.append(Waiting(client: client, end: end, work: work))
        lines[user]?.byClient[client, default: 0] += 1
        waitingCount += 1
        return true
    }

    /// - Returns: the user's command that has waited longest, and for too long perhaps, if one may be under way now; it waits no
    ///   longer.
    package mutating func next(
        of user: UserID,
        among all: Int,
        now: NIODeadline
    ) -> (work: Work, isLate: Bool)? {
        guard mayBegin(user, among: all, now: now), let first = lines[user]?.waiting.popFirst() else { return nil }
        waitingCount -= 1
        lines[user]?.forget(first.client)
        if lines[user]?.waiting.isEmpty ?? true { lines[user] = nil }
        return (first.work, first.end <= now)
    }

    /// - Returns: what has waited as long as it may; it waits no longer.
    package mutating func expire(now: NIODeadline) -> [Work] {
        var expired: [Work] = []
        for (user, line) in lines {
            let late = line.waiting.filter { $0.end <= now }
            guard !late.isEmpty else { continue }
            expired += late.map(\.work)
            waitingCount -= late.count
            var rest = line
            rest.waiting = line.waiting.filter { $0.end > now }
            for one in late {
                rest.forget(one.client)
            }
            lines[user] = rest.waiting.isEmpty ? nil : rest
        }
        return expired
    }

    /// Who has commands that wait.
    package var waitingUsers: [UserID] { Array(lines.keys) }
}
