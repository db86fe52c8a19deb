internal import Foundation
internal import Model

/// The time of day, as commands that enter the log are stamped with.
struct WallClock: Sendable {
    let now: @Sendable () -> Microseconds

    /// The operating system's.
    static let system = WallClock {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Microseconds(max(0, time.tv_sec)) * 1_000_000 + Microseconds(max(0, time.tv_nsec)) / 1_000
    }
}
