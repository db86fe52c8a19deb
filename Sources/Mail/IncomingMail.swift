package import Model

/// How far a partition has taken the mail of every other one. Values only.
package struct IncomingMail: Sendable {
    /// What to do with a letter.
    package enum Verdict {
        case take
        /// It was taken before.
        case skip
        /// It is not the next one: the sender has to go on from what was taken.
        case refuse
    }

    private var taken: [PartitionID: MailReceipt] = [:]

    package init() {}

    /// What was noted of a source before a restart.
    package mutating func restore(_ receipt: MailReceipt) {
        taken[receipt.partition] = receipt
    }

    /// The last letter taken from a partition.
    package func receipt(for source: PartitionID) -> MailReceipt {
        taken[source] ?? MailReceipt(partition: source, sequence: 0)
    }

    /// The receipts of the sources in a range, of those from whom anything was taken.
    package func receipts(of sources: Range<UInt16>) -> [MailReceipt] {
        sources.compactMap { taken[PartitionID($0)] }
    }

    package func verdict(on letter: Letter) -> Verdict {
        let last = receipt(for: letter.source)
        if letter.sequence <= last.sequence { return .skip }
        return letter.predecessor == last.sequence && letter.sequence <= LetterNumbers.largest ? .take : .refuse
    }

    package mutating func noteTaken(_ letter: Letter) {
        taken[letter.source] = MailReceipt(partition: letter.source, sequence: letter.sequence)
    }
}
