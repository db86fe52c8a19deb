internal import Foundation

/// Waits until the machine has nothing else to do, so that no service is measured beside what another one has put off: compactions,
/// rewritten files, vacuums.
package enum IdleMachine {
    private static let look = Duration.milliseconds(500)
    private static let patience = 60
    /// The share of the processors' time that may be in use: servers that nobody asks for anything need some of it.
    private static let quiet = 0.25

    /// Returns at once where the system does not tell.
    package static func wait() async {
        for _ in 0..<patience {
            guard let before = times(), (try? await Task.sleep(for: look)) != nil, let after = times() else { return }
            let total = after.total - before.total
            if total > 0, (after.busy - before.busy) / total < quiet { return }
        }
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
