internal import CJemalloc
internal import CoreMetrics
internal import Foundation

/// What the operating system and the allocator count of this process.
///
/// Importing the allocator is what links it: jemalloc takes the place of the C library's `malloc` in every process that
/// has metrics (`docs/decisions/0015-jemalloc.md`).
package enum ProcessUsage {
    /// Bytes.
    package struct Memory: Sendable {
        /// What the program has asked for and not given back.
        package var allocated: UInt64 = 0
        /// What is in memory of the process, and the most there ever was.
        package var resident: UInt64 = 0
        package var peak: UInt64 = 0
    }

    /// The allocator's count, and `VmRSS` and `VmHWM` of `/proc/self/status`; 0 for what cannot be read.
    package static var memory: Memory {
        var memory = Memory(allocated: allocated)
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return memory }
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, let kibibytes = UInt64(words[1]) else { continue }
            if words[0] == "VmRSS:" { memory.resident = kibibytes << 10 }
            if words[0] == "VmHWM:" { memory.peak = kibibytes << 10 }
        }
        return memory
    }

    package static var processorSeconds: (user: Double, system: Double) {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return (0, 0) }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return (seconds(usage.ru_utime), seconds(usage.ru_stime))
    }

    package static var operatingSystem: String { ProcessInfo.processInfo.operatingSystemVersionString }

    /// Brings the gauges of the process up to date.
    package static func refreshGauges() {
        let memory = memory
        let (user, system) = processorSeconds
        Gauge(label: "process.resident.bytes").record(memory.resident)
        Gauge(label: "process.allocated.bytes").record(memory.allocated)
        Gauge(label: "process.processor.seconds").record(user + system)
    }

    /// jemalloc counts anew with each epoch (jemalloc(3), `epoch` and `stats.allocated`).
    private static var allocated: UInt64 {
        var epoch: UInt64 = 1
        var allocated = 0
        var size = MemoryLayout<Int>.size
        guard mallctl("epoch", nil, nil, &epoch, MemoryLayout<UInt64>.size) == 0,
            mallctl("stats.allocated", &allocated, &size, nil, 0) == 0
        else { return 0 }
        return UInt64(max(0, allocated))
    }
}
