internal import Metrics
package import Model
package import NIOCore

/// Has commands wait for their users' turns, by `FairShare`. Confined to its event loop.
package final class Turns {
    /// A command that is to be carried out.
    package struct Task {
        /// Who asks, where the command says so.
        let asker: UserID?
        /// Whom it is about: it follows what its client has asked of them before.
        let users: [UserID]
        let client: UInt64
        let deadline: NIODeadline
        /// Begins it, or refuses it for another reason: false then.
        let begin: () -> Bool
        let refuse: (Refusal) -> Void

        package init(
            asker: UserID?,
            users: [UserID],
            client: UInt64,
            deadline: NIODeadline,
            begin: @escaping () -> Bool,
            refuse: @escaping (Refusal) -> Void
        ) {
            self.asker = asker
            self.users = users
            self.client = client
            self.deadline = deadline
            self.begin = begin
            self.refuse = refuse
        }
    }

    private struct Held {
        let task: Task
        /// Whom it is to follow yet.
        let users: ArraySlice<UserID>
        let end: NIODeadline
    }

    private static let sweepPause = TimeAmount.milliseconds(20)
    private static let tooMany = Refusal.busy("the user has too many commands under way")

    private let eventLoop: any EventLoop
    private let limit: Int
    private var share: FairShare<Held>
    /// How many commands have begun and not ended.
    package private(set) var underWay = 0
    /// Users of whom a command has ended while others wait.
    private var due: Set<UserID> = []
    private var isDrainScheduled = false
    private var isSweepScheduled = false
    private let heldTotal = Counter(label: "router.commands.held.total")

    /// - Parameters:
    ///   - limit: commands of all users that are under way or wait; no more wait then.
    ///   - free: commands of one user that are under way whatever others do.
    ///   - mostWaiting: how many of one user may wait.
    package init(eventLoop: any EventLoop, limit: Int, free: Int, mostWaiting: Int) {
        self.eventLoop = eventLoop
        self.limit = limit
        share = FairShare(free: free, mostWaiting: mostWaiting)
    }

    /// How many commands wait.
    package var held: Int { share.waitingCount }

    /// Begins a command, or has it wait.
    package func take(_ task: Task) {
        let now = eventLoop.now
        share.note(task.asker, now: now)
        // What begins with too little time left is done, and nobody knows.
        let end = now + .nanoseconds((task.deadline - now).nanoseconds / 2)
        if let asker = task.asker {
            if !share.isWaiting(asker), share.mayBegin(asker, among: underWay, now: now) {
                _ = task.begin()
            } else {
                hold(Held(task: task, users: [], end: end), behind: asker)
            }
        } else {
            _ = follow(Held(task: task, users: task.users[...], end: end))
        }
    }

    /// Begins a command that is nobody's share behind what its client has asked of its users before.
    ///
    /// - Returns: false where it was refused.
    private func follow(_ held: Held) -> Bool {
        let place =
            share.waitingCount == 0
            ? nil : held.users.firstIndex { share.isWaiting($0, from: held.task.client) }
        guard let place else { return held.task.begin() }
        hold(Held(task: held.task, users: held.users[(place + 1)...], end: held.end), behind: held.users[place])
        return true
    }

    private func hold(_ held: Held, behind user: UserID) {
        guard underWay + share.waitingCount < limit,
            share.wait(user, from: held.task.client, until: held.end, held)
        else { return held.task.refuse(Turns.tooMany) }
        heldTotal.increment()
        scheduleSweep()
    }

    /// A command has begun. It ends with `ended`.
    package func began(_ asker: UserID?) {
        underWay += 1
        if let asker { share.begin(asker) }
    }

    package func ended(_ asker: UserID?) {
        underWay -= 1
        guard let asker else { return }
        share.end(asker)
        guard share.isWaiting(asker) else { return }
        due.insert(asker)
        guard !isDrainScheduled else { return }
        isDrainScheduled = true
        // Not within what ends the command: older ones of the same user may be about to be tried again.
        eventLoop.assumeIsolated().execute { self.drain() }
    }

    private func drain() {
        isDrainScheduled = false
        let users = due
        due = []
        for user in users {
            beginWaiting(of: user)
        }
    }

    private func beginWaiting(of user: UserID) {
        let now = eventLoop.now
        while let (held, isLate) = share.next(of: user, among: underWay, now: now) {
            if isLate {
                held.task.refuse(Turns.tooMany)
            } else if !(held.task.asker == nil ? follow(held) : held.task.begin()) {
                // What is refused now would be for all that wait.
                return
            }
        }
    }

    /// What waits ends in time also where nothing of its user does, and a user who has come to be alone is held up no longer.
    private func scheduleSweep() {
        guard !isSweepScheduled else { return }
        isSweepScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: Turns.sweepPause) {
            self.isSweepScheduled = false
            for held in self.share.expire(now: self.eventLoop.now) {
                held.task.refuse(Turns.tooMany)
            }
            for user in self.share.waitingUsers {
                self.beginWaiting(of: user)
            }
            if self.held > 0 { self.scheduleSweep() }
        }
    }
}
