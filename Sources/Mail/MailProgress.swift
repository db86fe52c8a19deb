package import Model

/// How far the destinations of some partitions are known to have taken their letters: what is sent next begins behind that,
/// and what all have taken is trimmed. Kept in memory by whoever carries letters; a new one finds it out by sending what
/// waits again. Values only.
package struct MailProgress: Sendable {
    private struct StreamID: Hashable {
        let source: PartitionID
        let destination: PartitionID
    }

    private struct Stream {
        /// The last letter that the destination is known to have taken.
        var taken: UInt64?
        /// The last letter reported for trimming.
        var trimmed: UInt64 = 0
    }

    private var streams: [StreamID: Stream] = [:]

    package init() {}

    /// The last letter that a destination is known to have taken; nil where it has not said anything.
    package func taken(from source: PartitionID, by destination: PartitionID) -> UInt64? {
        streams[StreamID(source: source, destination: destination)]?.taken
    }

    /// What a receipt tells.
    package enum News {
        /// The destination has taken more than was known.
        case progress
        /// It has taken no more, or is further back: letters go on from there.
        case noProgress
        /// It has said more in the meantime, or somebody else carries these letters now.
        case late
        /// One side has lost the end of its log: letters go on from what the destination has.
        case lost
    }

    /// A destination says how far it is with the letters of one source.
    ///
    /// - Parameters:
    ///   - mail: the source's.
    ///   - floor: what the destination was noted to have when it was asked; it cannot have said less after that.
    ///   - maySeeLoss: whether nobody else can have written more than `mail` has.
    package mutating func note(
        _ receipt: MailReceipt,
        of destination: PartitionID,
        in mail: OutgoingMail,
        floor: UInt64,
        maySeeLoss: Bool
    ) -> News {
        let acknowledged = mail.acknowledged(by: destination)
        if receipt.sequence >= floor, receipt.sequence < acknowledged { return .late }
        let isLoss = receipt.sequence < floor || !mail.isWritten(receipt.sequence, to: destination)
        if isLoss, !maySeeLoss || receipt.sequence > LetterNumbers.largest { return .late }
        let id = StreamID(source: receipt.partition, destination: destination)
        let isProgress = receipt.sequence > streams[id]?.taken ?? 0
        streams[id, default: Stream()].taken = receipt.sequence
        if isLoss { return .lost }
        return isProgress ? .progress : .noProgress
    }

    /// What is to be trimmed of a source's letters.
    ///
    /// - Parameter count: the least number of letters that it is worth an entry of the log for.
    package func trim(of source: PartitionID, in mail: OutgoingMail, from count: Int) -> [MailReceipt] {
        guard mail.waitingCount >= count else { return [] }
        var receipts: [MailReceipt] = []
        var letters = 0
        for destination in mail.destinations {
            guard let stream = streams[StreamID(source: source, destination: destination)],
                let taken = stream.taken, taken > stream.trimmed
            else { continue }
            letters += mail.waitingCount(for: destination, upTo: taken)
            receipts.append(MailReceipt(partition: destination, sequence: taken))
        }
        return letters >= count ? receipts : []
    }

    /// A trim is on its way through the log.
    package mutating func noteTrim(_ receipts: [MailReceipt], of source: PartitionID) {
        for receipt in receipts {
            streams[StreamID(source: source, destination: receipt.partition)]?.trimmed = receipt.sequence
        }
    }

    /// A partition's letters are carried here no longer.
    package mutating func forget(_ source: PartitionID) {
        streams = streams.filter { $0.key.source != source }
    }
}
