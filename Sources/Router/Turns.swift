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
        /// Begins it, or refuses it for another reason.
        let begin: () -> Void
        let refuse: (Refusal) -> Void

        package init(
            asker: UserID?,
            users: [UserID],
            client: UInt64,
            deadline: NIODeadline,
            begin: @escaping () -> Void,
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

    private static let sweepPause = TimeAmount.milliseconds(20)
    private static let tooMany = Refusal.busy("the user has too many commands under way")

    private let eventLoop: any EventLoop
    private var share: FairShare<(task: Task, users: ArraySlice<UserID>)>
    /// How many commands have begun and not ended.
    package private(set) var underWay = 0
    /// Users of whom a command has ended while others wait.
    private var due: Set<UserID> = []
    private var isDrainScheduled = false
    private var isSweepScheduled = false
    private let heldTotal = Counter(label: "router.commands.held.total")

    /// - Parameters:
    ///   - free: commands of one user that are under way whatever others do.
    ///   - mostWaiting: how many of one user may wait.
    package init(eventLoop: any EventLoop, free: Int, mostWaiting: Int) {
        self.eventLoop = eventLoop
        share = FairShare(free: free, mostWaiting: mostWaiting)
    }

    /// How many commands wait.
    package var held: Int { share.waitingCount }

    /// Begins a command, or has it wait.
    package func take(_ task: Task) {
        let now = eventLoop.now
        share.note(task.asker, now: now)
        if let asker = task.asker {
            guard share.isWaiting(asker) || !share.mayBegin(asker, among: underWay, now: now) else {
                return task.begin()
            }
            hold(task, asker, [], now: now)
        } else {
            follow(task, task.users[...], now: now)
        }
    }

    /// Begins a command that is nobody's share behind what its client has asked of its users before.
    private func follow(_ task: Task, _ users: ArraySlice<UserID>, now: NIODeadline) {
        guard held > 0, let place = users.firstIndex(where: { share.isWaiting($0, from: task.client) }) else {
            return task.begin()
        }
        hold(task, users[place], users[(place + 1)...], now: now)
    }

    private func hold(_ task: Task, _ user: UserID, _ users: ArraySlice<UserID>, now: NIODeadline) {
        // What begins with too little time left is done, and nobody knows.
        let end = now + .nanoseconds((task.deadline - now).nanoseconds / 2)
        guard share.wait(user, from: task.client, until: end, (task, users)) else { return task.refuse(Turns.tooMany) }
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
        while let (task, users) = share.next(of: user, among: underWay, now: now) {
            if task.asker == nil { follow(task, users, now: now) } else { task.begin() }
        }
    }

    /// What waits ends in time also where nothing of its user does, and a user who has come to be alone is held up no longer.
    private func scheduleSweep() {
        guard !isSweepScheduled else { return }
        isSweepScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: Turns.sweepPause) {
            self.isSweepScheduled = false
            for (task, _) in self.share.expire(now: self.eventLoop.now) {
                task.refuse(Turns.tooMany)
            }
            for user in self.share.waitingUsers {
                self.beginWaiting(of: user)
            }
            if self.held > 0 { self.scheduleSweep() }
        }
    }
}
