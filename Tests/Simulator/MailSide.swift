internal import Mail
internal import Model

/// A partition's mail in a `MailWorld`: its state, and what a store would have of it.
struct MailSide {
    private struct Stored {
        let sequence: UInt64
        let message: MailMessage
        let destinations: [PartitionID]
    }

    private(set) var outgoing = OutgoingMail()
    var incoming = IncomingMail()
    private(set) var lastSequence: UInt64 = 0
    private var stored: [Stored] = []
    private var trimmed: [PartitionID: MailReceipt] = [:]

    mutating func write(_ value: UInt64, to destinations: [PartitionID], in epoch: UInt64) -> UInt64 {
        lastSequence = LetterNumbers.next(after: lastSequence, in: epoch)
        let message = MailMessage.removal(author: UserID(1), tweet: TweetID(value))
        outgoing.append([message], sequence: lastSequence, to: destinations)
        stored.append(Stored(sequence: lastSequence, message: message, destinations: destinations))
        return lastSequence
    }

    /// - Returns: the receipts that said something new.
    mutating func trim(_ receipts: [MailReceipt]) -> [MailReceipt] {
        let done = outgoing.trim(receipts)
        lastSequence = LetterNumbers.last(lastSequence, passing: receipts)
        stored.removeAll { done.records.contains($0.sequence) }
        for receipt in done.receipts {
            trimmed[receipt.partition] = receipt
        }
        return done.receipts
    }

    /// As a process finds it that has what was stored.
    func reopened() -> MailSide {
        var side = self
        side.outgoing = OutgoingMail()
        for receipt in trimmed.values {
            side.outgoing.restore(receipt)
        }
        for letter in stored {
            side.outgoing.append([letter.message], sequence: letter.sequence, to: letter.destinations)
        }
        side.incoming = IncomingMail()
        for receipt in incoming.receipts(of: 0..<3) {
            side.incoming.restore(receipt)
        }
        return side
    }
}
