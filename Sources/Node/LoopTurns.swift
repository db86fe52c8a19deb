internal import DequeModule
internal import NIOCore

/// Long work on an event loop, a piece at a time, with input and output between the pieces.
///
/// A task that hands itself on with `execute` is run again before anything is read: SwiftNIO runs tasks until there are
/// none. Only what is scheduled for later lets requests in. Confined to its event loop.
final class LoopTurns {
    /// How long pieces may hold the loop, all together, before it reads again.
    static let longest = TimeAmount.milliseconds(1)
    private static let pause = TimeAmount.microseconds(10)

    private let eventLoop: any EventLoop
    private var waiting: Deque<(_ end: NIODeadline) -> Void> = []
    private var isScheduled = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Adds a piece behind those that wait. Whoever adds one adds no other before it has been run.
    ///
    /// - Parameter piece: is told when it must end.
    func add(_ piece: @escaping (_ end: NIODeadline) -> Void) {
        waiting.append(piece)
        schedule()
    }

    private func schedule() {
        guard !isScheduled else { return }
        isScheduled = true
        eventLoop.assumeIsolated().scheduleTask(in: LoopTurns.pause) { self.run() }
    }

    private func run() {
        isScheduled = false
        let end = NIODeadline.now() + LoopTurns.longest
        var left = waiting.count
        while left > 0, NIODeadline.now() < end, let piece = waiting.popFirst() {
            left -= 1
            piece(end)
        }
        if !waiting.isEmpty { schedule() }
    }
}
