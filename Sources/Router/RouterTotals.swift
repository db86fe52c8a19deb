internal import Foundation
internal import Launch
internal import Metrics
internal import Synchronization

/// What all loops of a router count together. Any thread.
final class RouterTotals: Sendable {
    private let limit: Int
    private let began = Date()
    private let port = Atomic<Int>(0)
    private let lastID = Atomic<UInt64>(0)
    private let open = Atomic<Int>(0)
    private let received = Atomic<UInt64>(0)
    private let processed = Atomic<UInt64>(0)
    private let initialized = Atomic<Bool>(false)

    /// - Parameter limit: connections at one time.
    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: an id for a new connection, or nil where there are too many.
    func connectionBegan() -> UInt64? {
        received.wrappingAdd(1, ordering: .relaxed)
        guard open.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
            open.wrappingSubtract(1, ordering: .relaxed)
            return nil
        }
        return lastID.wrappingAdd(1, ordering: .relaxed).newValue
    }

    func connectionEnded() {
        open.wrappingSubtract(1, ordering: .relaxed)
    }

    func commandProcessed() {
        processed.wrappingAdd(1, ordering: .relaxed)
    }

    func noteMap(isInitialized: Bool) {
        initialized.store(isInitialized, ordering: .relaxed)
    }

    func notePort(_ port: Int) {
        self.port.store(port, ordering: .relaxed)
    }

    var isInitialized: Bool { initialized.load(ordering: .relaxed) }
    var connections: Int { open.load(ordering: .relaxed) }

    var facts: ServerFacts {
        ServerFacts(
            version: rookeryVersion,
            port: port.load(ordering: .relaxed),
            processID: Int(ProcessInfo.processInfo.processIdentifier),
            uptimeSeconds: Int(-began.timeIntervalSinceNow),
            connections: connections,
            connectionsReceived: received.load(ordering: .relaxed),
            commandsProcessed: processed.load(ordering: .relaxed),
            residentBytes: RouterTotals.residentBytes
        )
    }

    /// The process's resident memory, as the operating system counts it: the second number of `statm`, in pages.
    private static var residentBytes: UInt64 {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return 0 }
        let pages = text.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }
        return (pages ?? 0) * UInt64(sysconf(Int32(_SC_PAGESIZE)))
    }

    func refreshGauges() {
        Gauge(label: "router.connections").record(Int64(connections))
        Gauge(label: "router.connections.received").record(Int64(received.load(ordering: .relaxed)))
    }
}
