internal import Mail
internal import Model
internal import Placement
internal import Randomness
internal import Replication

/// Carries the letters of one run of a node's process, as a real one's courier does, and less carefully: now and then
/// letters follow others that nobody has answered for yet, so that some arrive without their predecessors.
final class SimulatedCourier {
    /// What is on its way to a destination.
    private struct Request {
        let number: UInt64
        /// The last letter of each source in it.
        let last: [PartitionID: UInt64]
        /// What the destination was noted to have of each source's.
        let floors: [PartitionID: UInt64]
    }

    private static let letters = 3
    private static let patience: UInt64 = 400_000
    /// Letters that are worth an entry of the log to be trimmed.
    private static let lettersPerTrim = 6

    private unowned let node: SimulatedNode
    private unowned let simulation: Simulation
    private var progress = MailProgress()
    private var requests: [PartitionID: Request] = [:]
    private var ticks = 0

    init(node: SimulatedNode, simulation: Simulation) {
        self.node = node
        self.simulation = simulation
    }

    /// Sends what waits, and trims what has arrived.
    func tick() {
        ticks += 1
        for destination in simulation.partitions {
            guard let request = requests[destination] else {
                send(to: destination, behind: nil)
                continue
            }
            if simulation.random.one(in: 4) { send(to: destination, behind: request) }
        }
        for (source, machine) in carriedPartitions() {
            let count = ticks % 10 == 0 ? 1 : SimulatedCourier.lettersPerTrim
            let receipts = progress.trim(of: source, in: machine.outgoing, from: count)
            guard !receipts.isEmpty, node.submit(.trimOutbox(receipts), in: source) else { continue }
            progress.noteTrim(receipts, of: source)
        }
    }

    /// Those that it is the primary of as far as it knows: without a lease too, and beside a later primary.
    private func carriedPartitions() -> [(PartitionID, SimulatedMachine)] {
        simulation.partitions.compactMap { partition in
            guard let beginning = node.replicas[partition]?.beginning, let machine = node.machines[partition],
                machine.applied >= beginning
            else { return nil }
            return (partition, machine)
        }
    }

    /// - Parameter request: that is on its way; what follows it is sent, and nobody waits for the answer.
    private func send(to destination: PartitionID, behind request: Request?) {
        guard let primary = node.map.primary(of: destination) else { return }
        var letters: [Letter] = []
        var last: [PartitionID: UInt64] = [:]
        var floors: [PartitionID: UInt64] = [:]
        for (source, machine) in carriedPartitions() {
            let new = machine.outgoing.letters(
                for: destination,
                after: request?.last[source] ?? progress.taken(from: source, by: destination),
                limit: SimulatedCourier.letters,
                bytes: .max,
                from: source
            )
            letters += new
            last[source] = new.last?.sequence
            floors[source] = machine.outgoing.acknowledged(by: destination)
        }
        guard !letters.isEmpty else { return }
        let number = simulation.nextNumber()
        simulation.send(.mail(destination, letters, number: number), from: .node(node.id), to: .node(primary))
        guard request == nil else { return }
        requests[destination] = Request(number: number, last: last, floors: floors)
        node.whenAwake(after: SimulatedCourier.patience, node.run) {
            if self.requests[destination]?.number == number { self.requests[destination] = nil }
        }
    }

    /// A destination says how far it is; nothing where it takes no mail now.
    func receive(_ receipts: [MailReceipt], of destination: PartitionID, number: UInt64) {
        let carried = Dictionary(uniqueKeysWithValues: carriedPartitions())
        for receipt in receipts {
            simulation.checker.checkReceipt(receipt, of: destination)
            guard let machine = carried[receipt.partition] else { continue }
            // An answer that is older than the request that is under way may be behind what was trimmed since.
            let request = requests[destination].flatMap { $0.number == number ? $0 : nil }
            let floor = request?.floors[receipt.partition] ?? 0
            let news = progress.note(
                receipt,
                of: destination,
                in: machine.outgoing,
                floor: floor,
                maySeeLoss: node.replicas[receipt.partition].map(node.mayRead) == true
            )
            switch news {
            case .progress: break
            case .noProgress: simulation.coverage.note(.lettersNotTaken)
            case .late: simulation.coverage.note(.lateReceipt)
            case .lost: simulation.fail("\(node.id): \(destination) says \(receipt), and cannot")
            }
        }
        if requests[destination]?.number == number { requests[destination] = nil }
    }

    /// The node is a partition's primary no longer.
    func forget(_ source: PartitionID) {
        progress.forget(source)
    }
}
