internal import DequeModule
package import NIOCore

/// Long work on an event loop, a piece at a time, with input and output between the pieces.
///
/// A loop looks for input only when no task is left that may run: one that hands itself on with `execute` is run again
/// before, and one that is scheduled for soon may be, where other tasks take longer than that. So turns ask whether there
/// was a look since the last one. Confined to its event loop.
package final class LoopTurns {
    /// How long pieces may hold the loop, all together, before it reads again.
    static let longest = TimeAmount.milliseconds(1)
    /// Not at once: that would be before the loop looks.
    private static let pause = TimeAmount.microseconds(10)
    /// What pieces that nobody waits for get of a turn at least.
    private static let leastBackground = TimeAmount.microseconds(250)

    package typealias Piece = (_ end: NIODeadline) -> Void

    private let eventLoop: any EventLoop
    private let tick: () -> UInt64
    /// Pieces that somebody waits for.
    private var urgent: Deque<Piece> = []
    private var background: Deque<Piece> = []
    private var isScheduled = false
    private var lastTick: UInt64?

    /// - Parameter tick: a number that grows whenever the loop looks for input.
    package init(eventLoop: any EventLoop, tick: @escaping () -> UInt64) {
        self.eventLoop = eventLoop
        self.tick = tick
    }

    /// Adds a piece behind those that wait. Whoever adds one adds no other of its kind before it has been run.
    ///
    /// - Parameters:
    ///   - isUrgent: whether somebody waits for it: it goes before those that nobody waits for.
    ///   - piece: is told when it must end.
    package func add(isUrgent: Bool, _ piece: @escaping Piece) {
        if isUrgent {
            urgent.append(piece)
        } else {
            background.append(piece)
        }
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        guard tick() != lastTick else { return scheduleForNextTick() }
        // Behind what this tick's input leads to: its messages and log records go out before anything long begins.
        eventLoop.assumeIsolated().execute {
            self.eventLoop.assumeIsolated().execute { self.run() }
        }
    }

    private func scheduleForNextTick() {
        eventLoop.assumeIsolated().scheduleTask(in: LoopTurns.pause) { self.run() }
    }

    private func run() {
        guard tick() != lastTick else { return scheduleForNextTick() }
        lastTick = tick()
        isScheduled = false
        let end = NIODeadline.now() + LoopTurns.longest
        run(urgent.count, until: background.isEmpty ? end : end - LoopTurns.leastBackground) { urgent.popFirst() }
        run(background.count, until: max(end, .now() + LoopTurns.leastBackground)) { background.popFirst() }
        if !urgent.isEmpty || !background.isEmpty { schedule() }
    }

    /// Runs pieces that wait now, the first of them whatever the time is.
    private func run(_ count: Int, until end: NIODeadline, _ next: () -> Piece?) {
        for _ in 0..<count {
            next()?(end)
            if NIODeadline.now() >= end { return }
        }
    }
}
