internal import Mail
internal import Model
internal import Store

/// How far a partition has taken the mail of every other one, as the store keeps it.
final class Inbox {
    private let keys: Keys
    private(set) var mail = IncomingMail()

    init(database: Database, keys: Keys) throws(PartitionFailure) {
        self.keys = keys
        try database.forEach(prefix: keys.of(.inbox)) { _, value throws(PartitionFailure) in
            let page: InboxPage = try decode(value)
            for receipt in page.receipts {
                mail.restore(receipt)
            }
            return true
        }
    }

    func noteTaken(_ letter: Letter) {
        mail.noteTaken(letter)
    }

    func store(_ sources: Set<PartitionID>, in transaction: Transaction) {
        for page in Set(sources.map { $0.rawValue / InboxPage.sources }) {
            let first = page * InboxPage.sources
            let receipts = mail.receipts(of: first..<first + InboxPage.sources)
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
