internal import Model
internal import Store

/// How far a partition has taken the mail of every other one.
final class Inbox {
    /// What to do with a letter.
    enum Verdict {
        case take
        /// It was taken before.
        case skip
        /// One before it is missing: the sender has to begin further back.
        case refuse
    }

    private let keys: Keys
    private var taken: [PartitionID: MailReceipt] = [:]

    init(database: Database, keys: Keys) throws(PartitionFailure) {
        self.keys = keys
        try database.forEach(prefix: keys.of(.inbox)) { _, value throws(PartitionFailure) in
            let page: InboxPage = try decode(value)
            for receipt in page.receipts {
                taken[receipt.partition] = receipt
            }
            return true
        }
    }

    /// The last letter taken from a partition.
    func receipt(for source: PartitionID) -> MailReceipt {
        taken[source] ?? MailReceipt(partition: source, incarnation: 0, sequence: 0)
    }

    func verdict(on letter: Letter) -> Verdict {
        let last = receipt(for: letter.source)
        guard letter.incarnation == last.incarnation else {
            // A new run of the stream begins with a letter that has no predecessor.
            return letter.incarnation > last.incarnation && letter.predecessor == 0 ? .take : .refuse
        }
        if letter.sequence <= last.sequence { return .skip }
        return letter.predecessor == last.sequence ? .take : .refuse
    }

    func noteTaken(_ letter: Letter) {
        taken[letter.source] = MailReceipt(
            partition: letter.source,
            incarnation: letter.incarnation,
            sequence: letter.sequence
        )
    }

    func store(_ sources: Set<PartitionID>, in transaction: Transaction) {
        for page in Set(sources.map { $0.rawValue / InboxPage.sources }) {
            let first = page * InboxPage.sources
            let receipts = (first..<first + InboxPage.sources).compactMap { taken[PartitionID($0)] }
            transaction.put(keys.of(.inbox, UInt64(page)), InboxPage(receipts: receipts))
        }
    }
}

/// What was taken of a run of sources: an entry takes mail of many, and a key for each would cost more than the mail.
struct InboxPage: BinaryCodable {
    static let sources: UInt16 = 32

    let receipts: [MailReceipt]

    init(receipts: [MailReceipt]) {
        self.receipts = receipts
    }

    func encode(into writer: inout BinaryWriter) {
        writer.writeArray(receipts) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        receipts = try reader.readArray { reader throws(BinaryDecodingError) in try reader.read() }
    }
}
