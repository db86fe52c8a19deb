internal import Mail
package import Model

/// Mail from other partitions.
extension Partition {
    /// Takes a batch of letters, each only if its predecessor was the last one taken: exactly once, in order.
    func receiveMail(_ letters: [Letter]) throws(PartitionFailure) -> Outcome {
        var sources: Set<PartitionID> = []
        var changed: Set<PartitionID> = []
        for letter in letters {
            sources.insert(letter.source)
            switch inbox.mail.verdict(on: letter) {
            case .take:
                inbox.noteTaken(letter)
                changed.insert(letter.source)
                for message in letter.messages {
                    try receive(message, from: letter.source)
                }
            case .skip: statistics.repeatedMail += 1
            case .refuse: statistics.mailGaps += 1
            }
        }
        inbox.store(changed, in: transaction)
        return .mailTaken(sources.sorted().map { inbox.mail.receipt(for: $0) })
    }

    /// The last letter that applied entries took from a partition.
    package func receipt(for source: PartitionID) -> MailReceipt { inbox.mail.receipt(for: source) }

    /// - Parameter receipts: may be of letters that this partition has lost.
    func trimOutbox(_ receipts: [MailReceipt]) -> Outcome {
        passOver(receipts)
        outbox.trim(receipts, in: transaction)
        return .applied
    }

    /// Does what a message says; `source` may be this partition.
    func receive(_ message: MailMessage, from source: PartitionID) throws(PartitionFailure) {
        switch message {
        case .createUser(let reservation, let createdAt):
            try createUser(reservation, createdAt: createdAt, from: source)
        case .userCreated(let reservation, let accepted): try finishCreation(reservation, accepted: accepted)
        case .reserveName(let reservation): try reserveName(reservation, from: source)
        case .nameReserved(let reservation, let accepted): try finishRename(reservation, accepted: accepted)
        case .releaseName(let folded, let owner, let version):
            try freeName(folded: folded, owner: owner, version: version)
        case .edgeChanged(let change): try edgeChanged(change, from: source)
        case .edgeRefused(let follower, let author, let version):
            try edgeRefused(follower: follower, author: author, version: version)
        case .backfill(let author, let generation, let list):
            try backfill(author, generation: generation, list: list)
        case .delivery(let author, let tweet, let replyTo):
            try deliver(tweet, by: author, replyTo: replyTo, from: source)
        case .removal(let author, let tweet): try remove(tweet, by: author)
        case .authorDeleted(let author): try authorDeleted(author)
        case .replyChanged(let parent, let reply, let isAdded):
            try replyChanged(parent: parent, reply: reply, isAdded: isAdded)
        }
    }
}
