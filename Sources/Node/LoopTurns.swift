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
    /// What pieces that nobody waits for get of that at least.
    private static let leastBackground = TimeAmount.microseconds(250)

    typealias Piece = (_ end: NIODeadline) -> Void

    private let eventLoop: any EventLoop
    /// Pieces that somebody waits for.
    private var urgent: Deque<Piece> = []
    private var background: Deque<Piece> = []
    private var isScheduled = false

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Adds a piece behind those that wait. Whoever adds one adds no other of its kind before it has been run.
    ///
    /// - Parameters:
    ///   - isUrgent: whether somebody waits for it: it goes before those that nobody waits for.
    ///   - piece: is told when it must end.
    func add(isUrgent: Bool, _ piece: @escaping Piece) {
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
        eventLoop.assumeIsolated().scheduleTask(in: LoopTurns.pause) { self.run() }
    }

    private func run() {
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
