internal import Foundation

/// Waits until the machine has nothing else to do, so that no service is measured beside what another one has put off: compactions,
/// rewritten files, vacuums. A machine that others use too is waited for once.
package struct IdleMachine {
    private static let look = Duration.milliseconds(500)
    private static let patience = 60
    /// The share of the processors' time that may be in use: servers that nobody asks for anything need some of it.
    private static let quiet = 0.25

    /// Whether it was waited for in vain: others use the machine.
    package private(set) var isShared = false

    package init() {}

    /// Returns at once where the system does not tell, and where the machine is shared.
    package mutating func wait() async {
        guard !isShared else { return }
        for _ in 0..<Self.patience {
            guard let before = Self.times(), (try? await Task.sleep(for: Self.look)) != nil, let after = Self.times()
            else { return }
            let total = after.total - before.total
            if total > 0, (after.busy - before.busy) / total < Self.quiet { return }
        }
        isShared = true
    }

    /// What the processors have done since the machine was started (proc(5), `/proc/stat`).
    private static func times() -> (busy: Double, total: Double)? {
        guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8) else { return nil }
        let numbers = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().compactMap { Double($0) }
        // user, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen.
        guard numbers.count >= 8 else { return nil }
        let total = numbers.prefix(8).reduce(0, +)
        return (total - numbers[3] - numbers[4], total)
    }
}
