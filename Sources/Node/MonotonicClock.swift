internal import Foundation
internal import Replication

/// The clock of leases: never steps, and counts the time that the machine is suspended.
enum MonotonicClock {
    static func now() -> MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return MonotonicTime(max(0, time.tv_sec)) * 1_000_000 + MonotonicTime(max(0, time.tv_nsec)) / 1_000
    }
}
