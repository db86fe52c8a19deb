internal import Mail
internal import Model
internal import Replication

/// The state machine that simulated partitions replicate: what clients use, mail to the others, and a hash of everything that
/// was applied.
struct SimulatedMachine {
    /// What an entry has done, of what concerns other partitions.
    struct Effects {
        /// What its client is answered.
        var result: ClientAnswer.Result?
        /// The value of a letter, and whom it is for.
        var written: (value: UInt64, destinations: [PartitionID])?
        /// The values of letters that were taken, in order.
        var arrived: [(source: PartitionID, sequence: UInt64, value: UInt64)] = []
        /// Whether letters are no longer kept that all have taken.
        var isTrimmed = false
        /// The id that the entry has, where it is not larger than all before it.
        var repeatedID: UInt64?
        /// How many letters of the entry had come before, and how many came too early.
        var repeated = 0
        var early = 0
    }

    /// More than any simulation has.
    private static let mostPartitions: UInt16 = 8

    private(set) var applied: LogIndex = 0
    private var objects: [ClientObject: UInt64] = [:]
    private(set) var outgoing = OutgoingMail()
    private(set) var incoming = IncomingMail()
    /// The same on two replicas that have applied the same entries.
    private(set) var hash: UInt64 = 0
    private(set) var lastEpoch: UInt64 = 0
    private var lastLetter: UInt64 = 0
    /// The largest id that an applied entry has.
    private(set) var lastID: UInt64 = 0
    /// As a store keeps them: what `outgoing` and `incoming` are made of after a restart.
    private var letters: [UInt64: (message: MailMessage, destinations: [PartitionID])] = [:]
    private var trimmed: [PartitionID: MailReceipt] = [:]

    /// What an operation that changes nothing is answered.
    func answer(to operation: ClientOperation) -> ClientAnswer.Result {
        var state = objects[operation.object]
        return operation.apply(to: &state)
    }

    /// The machine as a process finds it that has what was stored.
    func reopened() -> SimulatedMachine {
        var machine = self
        machine.outgoing = OutgoingMail()
        for receipt in trimmed.values {
            machine.outgoing.restore(receipt)
        }
        for (sequence, letter) in letters.sorted(by: { $0.key < $1.key }) {
            machine.outgoing.append([letter.message], sequence: sequence, to: letter.destinations)
        }
        machine.incoming = IncomingMail()
        for receipt in incoming.receipts(of: 0..<SimulatedMachine.mostPartitions) {
            machine.incoming.restore(receipt)
        }
        return machine
    }

    /// Applies the next entry.
    ///
    /// - Parameter destinations: the other partitions.
    mutating func apply(_ entry: ReplicatedEntry, destinations: [PartitionID]) -> Effects {
        applied = entry.index
        lastEpoch = entry.epoch
        hash = StableHash.hash(hash ^ entry.index ^ entry.epoch << 32)
        for byte in entry.payload {
            hash = StableHash.hash(hash ^ UInt64(byte))
        }
        var effects = Effects()
        switch try? SimulatedCommand(decoding: entry.payload) {
        case .client(let operation, let id):
            if id != 0, id <= lastID { effects.repeatedID = id }
            lastID = max(lastID, id)
            effects.result = operation.apply(to: &objects[operation.object])
            guard case .write(let write) = operation else { break }
            let chosen = write.destinations(of: destinations)
            guard !chosen.isEmpty else { break }
            lastLetter = LetterNumbers.next(after: lastLetter, in: entry.epoch)
            outgoing.append([write.message], sequence: lastLetter, to: chosen)
            letters[lastLetter] = (write.message, chosen)
            effects.written = (write.value, chosen)
        case .receiveMail(let letters): receive(letters, &effects)
        case .trimOutbox(let receipts):
            let done = outgoing.trim(receipts)
            lastLetter = LetterNumbers.last(lastLetter, passing: receipts)
            for sequence in done.records {
                letters[sequence] = nil
            }
            for receipt in done.receipts {
                trimmed[receipt.partition] = receipt
            }
            effects.isTrimmed = !done.records.isEmpty
        // A primary begins its epoch with an entry without a command.
        case nil: break
        }
        return effects
    }

    private mutating func receive(_ letters: [Letter], _ effects: inout Effects) {
        for letter in letters {
            switch incoming.verdict(on: letter) {
            case .take:
                incoming.noteTaken(letter)
                for case .removal(_, let tweet) in letter.messages {
                    effects.arrived.append((letter.source, letter.sequence, tweet.rawValue))
                    hash = StableHash.hash(hash ^ tweet.rawValue)
                }
            case .skip: effects.repeated += 1
            case .refuse: effects.early += 1
            }
        }
    }
}
