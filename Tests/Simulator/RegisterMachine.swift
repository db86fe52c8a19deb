internal import Mail
internal import Model
internal import Replication

/// The state machine that simulated partitions replicate: registers, mail to the others, and a hash of everything that was
/// applied.
struct RegisterMachine {
    /// What an entry has done, of what concerns other partitions.
    struct Effects {
        /// The value of a letter, and whom it is for.
        var written: (value: UInt64, destinations: [PartitionID])?
        /// The values of letters that were taken, in order.
        var arrived: [(source: PartitionID, value: UInt64)] = []
        /// How many letters of the entry had come before, and how many came too early.
        var repeated = 0
        var early = 0
    }

    private(set) var applied: LogIndex = 0
    private(set) var values: [UInt8: UInt64] = [:]
    private(set) var outgoing = OutgoingMail()
    private(set) var incoming = IncomingMail()
    /// The same on two replicas that have applied the same entries.
    private(set) var hash: UInt64 = 0
    private(set) var lastEpoch: UInt64 = 0
    private var lastLetter: UInt64 = 0

    /// Applies the next entry.
    ///
    /// - Parameter destinations: the partitions that a write's letter can be for.
    mutating func apply(_ entry: ReplicatedEntry, destinations: [PartitionID]) -> Effects {
        applied = entry.index
        lastEpoch = entry.epoch
        hash = StableHash.hash(hash ^ entry.index ^ entry.epoch << 32)
        for byte in entry.payload {
            hash = StableHash.hash(hash ^ UInt64(byte))
        }
        var effects = Effects()
        switch try? RegisterCommand(decoding: entry.payload) {
        case .write(let write):
            values[write.key] = write.value
            let chosen = write.destinations(of: destinations)
            guard !chosen.isEmpty else { break }
            lastLetter += 1
            outgoing.append([write.message], sequence: lastLetter, to: chosen)
            effects.written = (write.value, chosen)
        case .receiveMail(let letters): receive(letters, &effects)
        case .trimOutbox(let receipts): _ = outgoing.trim(receipts)
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
                    effects.arrived.append((letter.source, tweet.rawValue))
                    hash = StableHash.hash(hash ^ tweet.rawValue)
                }
            case .skip: effects.repeated += 1
            case .refuse: effects.early += 1
            }
        }
    }
}
