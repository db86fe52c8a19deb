internal import Foundation
internal import Launch
internal import Metrics
internal import Observability
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
    private let refused = Atomic<UInt64>(0)
    private let evicted = Atomic<UInt64>(0)
    private let initialized = Atomic<Bool>(false)
    let statistics = CommandStatistics()
    private let rate = Mutex(CommandRate())

    /// - Parameter limit: connections at one time.
    init(limit: Int) {
        self.limit = limit
    }

    /// - Returns: an id for a new connection, or nil where there are too many.
    func connectionBegan() -> UInt64? {
        received.wrappingAdd(1, ordering: .relaxed)
        guard open.wrappingAdd(1, ordering: .relaxed).newValue <= limit else {
            open.wrappingSubtract(1, ordering: .relaxed)
            refused.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        return lastID.wrappingAdd(1, ordering: .relaxed).newValue
    }

    func connectionEnded() {
        open.wrappingSubtract(1, ordering: .relaxed)
    }

    func clientEvicted() {
        evicted.wrappingAdd(1, ordering: .relaxed)
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
            connectionsRefused: refused.load(ordering: .relaxed),
            clientsEvicted: evicted.load(ordering: .relaxed),
            largestConnections: limit,
            commandsProcessed: processed.load(ordering: .relaxed),
            commandsPerSecond: rate.withLock { $0.perSecond },
            operatingSystem: ProcessUsage.operatingSystem,
            memory: ProcessUsage.memory,
            processorSeconds: ProcessUsage.processorSeconds,
            statistics: statistics
        )
    }

    /// To be called about once a second.
    func measureRate() {
        let count = processed.load(ordering: .relaxed)
        rate.withLock { $0.note(count, at: ContinuousClock.now) }
    }

    func refreshGauges() {
        Gauge(label: "router.connections").record(Int64(connections))
        Gauge(label: "router.clients.evicted").record(Int64(evicted.load(ordering: .relaxed)))
        Gauge(label: "router.connections.received").record(Int64(received.load(ordering: .relaxed)))
    }
}

/// How many commands were processed in the last second or so.
private struct CommandRate {
    private var last: (count: UInt64, time: ContinuousClock.Instant)?
    private(set) var perSecond = 0

    mutating func note(_ count: UInt64, at time: ContinuousClock.Instant) {
        if let last, count >= last.count {
            let seconds =
                Double((time - last.time).components.seconds)
                + Double((time - last.time).components.attoseconds) / 1e18
            perSecond = seconds > 0 ? Int(Double(count - last.count) / seconds) : 0
        }
        last = (count, time)
    }
}
