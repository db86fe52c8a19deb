internal import Model
internal import Placement
internal import Randomness
internal import Replication

/// A client: one operation after the other, each noted in the history with when it was called and answered.
final class SimulatedClient {
    private static let patience: UInt64 = 800_000
    private static let pause: UInt64 = 30_000
    private static let keys: UInt8 = 3
    private static let names: UInt8 = 2

    private let number: Int
    private unowned let simulation: Simulation
    private var pending: (request: ClientRequest, operation: History.Operation)?
    /// Where it looks for a partition's primary.
    private var guesses: [PartitionID: NodeID] = [:]
    /// Who has a name, as this client was told last.
    private var owners: [PartitionID: [UInt8: UInt64]] = [:]
    var isEnding = false

    init(_ number: Int, in simulation: Simulation) {
        self.number = number
        self.simulation = simulation
    }

    func begin() {
        guard pending == nil, !isEnding else { return }
        let partition = simulation.partitions.randomElement(using: &simulation.random) ?? PartitionID(0)
        let request = ClientRequest(
            number: simulation.nextNumber(),
            partition: partition,
            operation: someOperation(in: partition)
        )
        let operation = History.Operation(
            client: number,
            partition: partition,
            operation: request.operation,
            calledAt: simulation.now
        )
        pending = (request, operation)
        let guess = guesses[partition] ?? simulation.coordinatorMap.primary(of: partition) ?? NodeID(1)
        simulation.send(.request(request), from: .client(number), to: .node(guess))
        simulation.schedule(after: SimulatedClient.patience) { [unowned self] in
            guard self.pending?.request.number == request.number else { return }
            self.guesses[partition] = nil
            self.finish(.unknown)
        }
    }

    private func someOperation(in partition: PartitionID) -> ClientOperation {
        let key = UInt8.random(in: 0..<SimulatedClient.keys, using: &simulation.random)
        let isRead = simulation.random.one(in: 2)
        switch UInt8.random(in: 0..<4, using: &simulation.random) {
        case 0:
            return isRead ? .contains(key) : .edit(SetEdit(element: key, adds: simulation.random.one(in: 2)))
        case 1:
            let name = key % SimulatedClient.names
            if isRead { return .owner(of: name) }
            // Somebody else may have given it back meanwhile, and another one have taken it.
            if let owner = owners[partition]?[name], simulation.random.one(in: 2) {
                return .claim(NameClaim(name: name, owner: owner, takes: false))
            }
            return .claim(NameClaim(name: name, owner: simulation.nextNumber(), takes: true))
        default: return isRead ? .read(key) : .write(RegisterWrite(key: key, value: simulation.nextNumber()))
        }
    }

    func receive(_ answer: ClientAnswer) {
        guard let pending, pending.request.number == answer.number else { return }
        if answer.result == .refused { guesses[pending.request.partition] = nil }
        finish(answer.result)
    }

    private func finish(_ result: ClientAnswer.Result) {
        guard var operation = pending?.operation else { return }
        pending = nil
        switch result {
        case .refused: break
        case .unknown:
            // A read that nobody answered tells nothing.
            if operation.operation.isWrite { simulation.history.operations.append(operation) }
        case .written, .value, .found, .changed:
            if case .name(let name) = operation.operation.object, case .value(let owner) = result {
                owners[operation.partition, default: [:]][name] = owner
            }
            operation.answer = History.Answer(at: simulation.now, result: result)
            simulation.history.operations.append(operation)
        }
        let pause = UInt64.random(in: 1_000...SimulatedClient.pause, using: &simulation.random)
        simulation.schedule(after: pause) { [unowned self] in self.begin() }
    }
}
