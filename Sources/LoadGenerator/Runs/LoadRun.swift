package import NIOCore

/// Carries out numbered steps on one event loop, either so many at a time (closed loop, for throughput) or at a fixed
/// rate whatever the answers do (open loop, for latency).
package enum LoadRun {
    /// Begins a step, on the loop. `done` is called once, on the loop, with what went wrong.
    package typealias Step = @Sendable (_ number: Int, _ done: @escaping (String?) -> Void) -> Void

    /// Keeps `window` steps under way until `count` are done.
    package static func closed(
        on loop: any EventLoop,
        count: Int,
        window: Int,
        step: @escaping Step
    ) async throws -> StreamResult {
        let promise = loop.makePromise(of: StreamResult.self)
        loop.execute { ClosedRun(count, window, step, promise).start() }
        return try await promise.futureResult.get()
    }

    /// Begins `rate` steps a second for so many seconds.
    package static func open(
        on loop: any EventLoop,
        rate: Double,
        seconds: Double,
        step: @escaping Step
    ) async throws -> StreamResult {
        let promise = loop.makePromise(of: StreamResult.self)
        loop.execute { OpenRun(rate, Int(rate * seconds), step, promise).start(on: loop) }
        return try await promise.futureResult.get()
    }
}

/// What both kinds of run do. Confined to the loop.
private class Run {
    let count: Int
    let step: LoadRun.Step
    let promise: EventLoopPromise<StreamResult>
    let began = NIODeadline.now()
    var begun = 0
    var result = StreamResult()

    init(_ count: Int, _ step: @escaping LoadRun.Step, _ promise: EventLoopPromise<StreamResult>) {
        self.count = count
        self.step = step
        self.promise = promise
    }

    func begin(due: NIODeadline, _ answered: @escaping () -> Void) {
        let number = begun
        begun += 1
        step(number) { problem in
            let now = NIODeadline.now()
            let microseconds = (now - due).nanoseconds / 1_000
            self.result.record(microseconds: microseconds)
            if let problem {
                self.result.note("command \(number): \(problem)")
            } else {
                self.result.noteGood(after: (now - self.began).nanoseconds, microseconds: microseconds)
            }
            // Steps may end before they return: what `answered` begins may be the last one.
            let isLast = self.result.commands == self.count
            answered()
            if isLast { self.finish() }
        }
    }

    func finish() {
        result.seconds = Double((NIODeadline.now() - began).nanoseconds) / 1e9
        promise.succeed(result)
    }
}

private final class ClosedRun: Run {
    private let window: Int
    private var isFilling = false

    init(
        _ count: Int,
        _ window: Int,
        _ step: @escaping LoadRun.Step,
        _ promise: EventLoopPromise<StreamResult>
    ) {
        self.window = window
        super.init(count, step, promise)
    }

    func start() {
        count > 0 ? fill() : finish()
    }

    /// Steps may be done before they return: a loop and not a recursion, which has no bound.
    private func fill() {
        guard !isFilling else { return }
        isFilling = true
        defer { isFilling = false }
        while begun < count, begun - result.commands < window {
            begin(due: .now()) { self.fill() }
        }
    }
}

private final class OpenRun: Run {
    private let rate: Double

    init(
        _ rate: Double,
        _ count: Int,
        _ step: @escaping LoadRun.Step,
        _ promise: EventLoopPromise<StreamResult>
    ) {
        self.rate = rate
        super.init(count, step, promise)
    }

    func start(on loop: any EventLoop) {
        count > 0 ? tick(loop) : finish()
    }

    /// Begins what is due by now; each step's time counts from when it was due.
    private func tick(_ loop: any EventLoop) {
        let due = min(count, Int(Double((NIODeadline.now() - began).nanoseconds) / 1e9 * rate) + 1)
        while begun < due {
            begin(due: began + .nanoseconds(Int64(Double(begun) / rate * 1e9))) {}
        }
        guard begun < count else { return }
        loop.assumeIsolated().scheduleTask(in: .microseconds(500)) { self.tick(loop) }
    }
}
