internal import DequeModule
package import NIOCore

/// Long work on an event loop, a piece at a time, with input and output between the pieces.
///
/// A loop looks for input only when no task is left that may run: one that hands itself on with `execute` is run again
/// before, and one that is scheduled for soon may be, where other tasks take longer than that. So turns ask whether there
/// was a look since the last one. Confined to its event loop.
package final class LoopTurns {
    /// Not at once: that would be before the loop looks.
    private static let pause = TimeAmount.microseconds(10)
    /// The longest pause between two looks whether the loop has read.
    private static let longestPause = TimeAmount.milliseconds(1)
    /// What pieces that nobody waits for get of a turn at least, and what those that are far behind get.
    private static let leastBackground = TimeAmount.microseconds(250)
    private static let leastBehind = TimeAmount.microseconds(500)

    /// Whether somebody waits for a piece.
    package enum Urgency: Int, Hashable, Sendable {
        case awaited
        /// Nobody does, but there is so much to do that somebody may have to.
        case behind
        case background
    }

    package typealias Piece = (_ end: NIODeadline) -> Void

    private let eventLoop: any EventLoop
    private let longest: TimeAmount
    private let tick: () -> UInt64
    private var awaited: Deque<Piece> = []
    private var behind: Deque<Piece> = []
    private var background: Deque<Piece> = []
    private var isScheduled = false
    private var lastTick: UInt64?

    /// - Parameters:
    ///   - longest: about how long pieces may hold the loop, all together, before it reads again: each ends by itself.
    ///   - tick: a number that grows whenever the loop looks for input.
    package init(
        eventLoop: any EventLoop,
        longest: TimeAmount = .milliseconds(1),
        tick: @escaping () -> UInt64
    ) {
        self.eventLoop = eventLoop
        self.longest = longest
        self.tick = tick
    }

    /// Adds a piece behind those that wait. Whoever adds one adds no other of its kind before it has been run.
    ///
    /// - Parameters:
    ///   - urgency: what somebody waits for goes first.
    ///   - piece: is told when it must end.
    package func add(_ urgency: Urgency, _ piece: @escaping Piece) {
        switch urgency {
        case .awaited: awaited.append(piece)
        case .behind: behind.append(piece)
        case .background: background.append(piece)
        }
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        guard tick() != lastTick else { return scheduleForNextTick(after: LoopTurns.pause) }
        // Behind what this tick's input has already led to, most of which hands messages and log records on.
        eventLoop.assumeIsolated().execute {
            self.eventLoop.assumeIsolated().execute { self.run() }
        }
    }

    private func scheduleForNextTick(after pause: TimeAmount) {
        eventLoop.assumeIsolated().scheduleTask(in: pause) { self.run(after: pause) }
    }

    /// - Parameter pause: how long it was put off. Longer each time: a tick in which it is due again and again never ends.
    private func run(after pause: TimeAmount = LoopTurns.pause) {
        guard tick() != lastTick else {
            return scheduleForNextTick(after: min(LoopTurns.longestPause, pause * 2))
        }
        lastTick = tick()
        isScheduled = false
        let end = NIODeadline.now() + longest
        var least = background.isEmpty ? TimeAmount.zero : LoopTurns.leastBackground
        if !behind.isEmpty { least = LoopTurns.leastBehind }
        run(awaited.count, until: end - least) { awaited.popFirst() }
        let rest = max(end, .now() + least)
        run(behind.count, until: rest) { behind.popFirst() }
        run(background.count, until: rest) { background.popFirst() }
        if !awaited.isEmpty || !behind.isEmpty || !background.isEmpty { schedule() }
    }

    /// Runs pieces that wait now, the first of them whatever the time is.
    private func run(_ count: Int, until end: NIODeadline, _ next: () -> Piece?) {
        for _ in 0..<count {
            next()?(end)
            if NIODeadline.now() >= end { return }
        }
    }
}
