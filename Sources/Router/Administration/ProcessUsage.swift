internal import Foundation

/// What the operating system counts of this process.
enum ProcessUsage {
    struct Memory: Sendable {
        var resident: UInt64 = 0
        var peak: UInt64 = 0
    }

    /// `VmRSS` and `VmHWM` of `/proc/self/status`, in bytes; 0 where it cannot be read.
    static var memory: Memory {
        var memory = Memory()
        guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return memory }
        for line in text.split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, let kibibytes = UInt64(words[1]) else { continue }
            if words[0] == "VmRSS:" { memory.resident = kibibytes << 10 }
            if words[0] == "VmHWM:" { memory.peak = kibibytes << 10 }
        }
        return memory
    }

    static var processorSeconds: (user: Double, system: Double) {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return (0, 0) }
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return (seconds(usage.ru_utime), seconds(usage.ru_stime))
    }

    static var operatingSystem: String { ProcessInfo.processInfo.operatingSystemVersionString }
}
