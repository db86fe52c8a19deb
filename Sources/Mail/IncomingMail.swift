package import Model

/// How far a partition has taken the mail of every other one. Values only.
package struct IncomingMail: Sendable {
    /// What to do with a letter.
    package enum Verdict {
        case take
        /// It was taken before.
        case skip
        /// One before it is missing: the sender has to begin further back.
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
        taken[source] ?? MailReceipt(partition: source, incarnation: 0, sequence: 0)
    }

    /// The receipts of the sources in a range, of those from whom anything was taken.
    package func receipts(of sources: Range<UInt16>) -> [MailReceipt] {
        sources.compactMap { taken[PartitionID($0)] }
    }

    package func verdict(on letter: Letter) -> Verdict {
        let last = receipt(for: letter.source)
        guard letter.incarnation == last.incarnation else {
            // A new run of the stream begins with a letter that has no predecessor.
            return letter.incarnation > last.incarnation && letter.predecessor == 0 ? .take : .refuse
        }
        if letter.sequence <= last.sequence { return .skip }
        return letter.predecessor == last.sequence ? .take : .refuse
    }

    package mutating func noteTaken(_ letter: Letter) {
        taken[letter.source] = MailReceipt(
            partition: letter.source,
            incarnation: letter.incarnation,
            sequence: letter.sequence
        )
    }
}
