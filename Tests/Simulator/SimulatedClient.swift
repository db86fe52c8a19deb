internal import Model
internal import Placement
internal import Randomness
internal import Replication

/// What a client asks of a partition's primary.
package struct RegisterRequest {
    package enum Operation: Equatable {
        case read(UInt8)
        case write(RegisterWrite)
    }

    let number: UInt64
    let partition: PartitionID
    let operation: Operation
}

package struct RegisterAnswer {
    package enum Result: Equatable {
        case value(UInt64?)
        case written
        /// Nothing was done.
        case refused
        /// Nobody knows whether it was done.
        case unknown
    }

    let number: UInt64
    let result: Result
}

/// A client: one operation after the other, each noted in the history with when it was called and answered.
final class SimulatedClient {
    private static let patience: UInt64 = 800_000
    private static let pause: UInt64 = 30_000
    private static let keys: UInt8 = 3

    private let number: Int
    private unowned let simulation: Simulation
    private var pending: (request: RegisterRequest, operation: History.Operation)?
    /// Where it looks for a partition's primary.
    private var guesses: [PartitionID: NodeID] = [:]
    var isEnding = false

    init(_ number: Int, in simulation: Simulation) {
        self.number = number
        self.simulation = simulation
    }

    func begin() {
        guard pending == nil, !isEnding else { return }
        let partition = simulation.partitions.randomElement(using: &simulation.random) ?? PartitionID(0)
        let key = UInt8.random(in: 0..<SimulatedClient.keys, using: &simulation.random)
        let request = RegisterRequest(
            number: simulation.nextNumber(),
            partition: partition,
            operation: simulation.random.one(in: 2)
                ? .read(key) : .write(RegisterWrite(key: key, value: simulation.nextNumber()))
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

    func receive(_ answer: RegisterAnswer) {
        guard let pending, pending.request.number == answer.number else { return }
        if answer.result == .refused { guesses[pending.request.partition] = nil }
        finish(answer.result)
    }

    private func finish(_ result: RegisterAnswer.Result) {
        guard var operation = pending?.operation else { return }
        pending = nil
        switch result {
        case .refused: break
        case .unknown:
            // A read that nobody answered tells nothing.
            if case .write = operation.operation { simulation.history.operations.append(operation) }
        case .written, .value:
            operation.answer = History.Answer(at: simulation.now, result: result)
            simulation.history.operations.append(operation)
        }
        let pause = UInt64.random(in: 1_000...SimulatedClient.pause, using: &simulation.random)
        simulation.schedule(after: pause) { [unowned self] in self.begin() }
    }
}
