internal import Mail
internal import Model
internal import Randomness
internal import Replication

/// What a node does for clients, and for partitions that send it mail.
extension SimulatedNode {
    func serve(_ request: ClientRequest, for client: Address) {
        guard let replica = replicas[request.partition], mayRead(replica) else {
            return answer(.refused, to: request, client)
        }
        guard !request.operation.isWrite else {
            if submitWrite(request, for: client) { return }
            return answer(.refused, to: request, client)
        }
        let result = machines[request.partition]?.answer(to: request.operation) ?? .refused
        // A read takes a while, now and then a long one, and the lease may be over when it is done.
        let longest: UInt64 = simulation.isHarmful && simulation.random.one(in: 50) ? 1_500_000 : 200
        let time = UInt64.random(in: 1...longest, using: &simulation.random)
        whenAwake(after: time, run) {
            guard let replica = self.replicas[request.partition], self.mayRead(replica) else {
                self.simulation.coverage.note(.readRefusedAfterwards)
                return self.answer(.refused, to: request, client)
            }
            self.answer(result, to: request, client)
        }
    }

    private func submitWrite(_ request: ClientRequest, for client: Address) -> Bool {
        var id: UInt64 = 0
        if case .write = request.operation, let beginning = replicas[request.partition]?.beginning,
            let last = machines[request.partition]?.lastID
        {
            let minted = stamp.next(
                for: request.partition,
                servedSince: beginning,
                after: last,
                now: simulation.now
            )
            if minted.isAhead { simulation.coverage.note(.idAheadOfTheClock) }
            id = minted.id
        }
        let command = SimulatedCommand.client(request.operation, mintedID: id)
        return submit(command, in: request.partition, .client(request, client))
    }

    func take(_ letters: [Letter], _ number: UInt64, from sender: Address, in partition: PartitionID) {
        let sources = Set(letters.map(\.source)).sorted()
        guard !submit(.receiveMail(letters), in: partition, .sender(of: sources, number: number, sender)) else {
            return
        }
        simulation.send(.mailTaken(partition, [], number: number), from: .node(id), to: sender)
    }

    func answer(_ result: ClientAnswer.Result, to request: ClientRequest, _ client: Address) {
        simulation.send(.answer(ClientAnswer(number: request.number, result: result)), from: .node(id), to: client)
    }
}
