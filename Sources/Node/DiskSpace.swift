internal import Foundation
internal import Logging
internal import Model
internal import Observability
internal import Synchronization

/// Watches how much space the data directory's file system has, so that writes are refused while the log and the store
/// still have room for what is under way: a log that meets the end of the disk takes nothing more until a restart.
final class DiskSpace: Sendable {
    private struct State {
        var refusal: Refusal?
        /// Known after the first measurement; nil too where the file system does not tell.
        var freeBytes: UInt64?
    }

    /// Writes are taken again when an eighth more than the reserve is free, not at every byte above it.
    private static let hysteresis: UInt64 = 8

    private let directory: String
    private let node: String
    private let reserve: UInt64
    private let problems: ProblemBoard
    private let logger: Logger
    private let state = Mutex(State())

    init(settings: NodeSettings, problems: ProblemBoard, logger: Logger) {
        directory = settings.dataDirectory
        node = settings.name
        reserve = settings.diskReserveBytes
        self.problems = problems
        self.logger = logger
        measure()
    }

    /// Why nothing may be written now; nil where it may. Any thread.
    var refusal: Refusal? { state.withLock { $0.refusal } }

    /// Bytes that the file system has left for this process; nil where it does not tell.
    var freeBytes: UInt64? { state.withLock { $0.freeBytes } }

    /// To be called often: a disk fills up as fast as it writes.
    func measure() {
        var information = statvfs()
        guard statvfs(directory, &information) == 0 else { return }
        let free = UInt64(information.f_bavail) * UInt64(information.f_frsize)
        let (before, after) = state.withLock { state in
            let before = state.refusal
            state.freeBytes = free
            let needed = before == nil ? reserve : reserve + reserve / DiskSpace.hysteresis
            state.refusal = free < needed ? refusal(free) : nil
            return (before, state.refusal)
        }
        problems.set(after?.message, about: "disk")
        guard (before == nil) != (after == nil) else { return }
        if after != nil {
            logger.critical("the disk is almost full: writes are refused", metadata: ["freeBytes": "\(free)"])
        } else {
            logger.notice("the disk has space again", metadata: ["freeBytes": "\(free)"])
        }
    }

    private func refusal(_ free: UInt64) -> Refusal {
        .unavailable(
            "the disk of \(node) has \(free >> 20) MiB left and \(reserve >> 20) are kept free: nothing is written until "
                + "there is space"
        )
    }
}
