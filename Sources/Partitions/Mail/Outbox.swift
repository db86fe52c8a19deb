internal import Mail
internal import Model
internal import Store

/// A partition's letters to other partitions as the store keeps them: a record has letters of one entry, all of them unless they
/// are long, under the number of the first, and another for each destination how far it was trimmed.
final class Outbox {
    private let keys: Keys
    private(set) var mail = OutgoingMail()

    init(database: Database, keys: Keys) throws(PartitionFailure) {
        self.keys = keys
        try database.forEach(prefix: keys.of(.outboxStream)) { key, value throws(PartitionFailure) in
            mail.restore(try decode(value))
            return true
        }
        try database.forEach(prefix: keys.of(.outbox)) { key, value throws(PartitionFailure) in
            let record: OutboxRecord = try decode(value)
            let first = try Keys.integer(key)
            guard LetterNumbers.areLetters(first, count: record.letters.count) else {
                throw .damaged("an outbox record of letter \(first)")
            }
            enqueue(record, from: first)
            return true
        }
    }

    /// Stores letters with the entry that writes them.
    ///
    /// - Parameter first: the number of the first; the others follow.
    func append(_ letters: [EntryMail.Gathered], from first: UInt64, in transaction: Transaction) {
        let record = OutboxRecord(
            letters: letters.map { OutboxRecord.Letter(destinations: $0.destinations, messages: $0.messages) }
        )
        transaction.putBlindly(keys.of(.outbox, first), record.encoded())
        enqueue(record, from: first)
    }

    private func enqueue(_ record: OutboxRecord, from first: UInt64) {
        for (sequence, letter) in zip(first..., record.letters) {
            mail.append(letter.messages, sequence: sequence, to: letter.destinations, record: first)
        }
    }

    /// Applies that destinations have taken letters: records of which nothing is left are removed.
    func trim(_ receipts: [MailReceipt], in transaction: Transaction) {
        let trimmed = mail.trim(receipts)
        for record in trimmed.records {
            transaction.deleteOnce(keys.of(.outbox, record))
        }
        for receipt in trimmed.receipts {
            transaction.put(keys.of(.outboxStream, UInt64(receipt.partition.rawValue)), receipt)
        }
    }
}

/// Letters of one entry, as the outbox stores them.
struct OutboxRecord: BinaryCodable {
    struct Letter: BinaryCodable {
        fileprivate static let leastSize = 2
        let destinations: [PartitionID]
        let messages: [MailMessage]

        init(destinations: [PartitionID], messages: [MailMessage]) {
            self.destinations = destinations
            self.messages = messages
        }

        func encode(into writer: inout BinaryWriter) {
            writer.writeArray(destinations) { $0.write($1) }
            writer.writeArray(messages) { $0.write($1) }
        }

        init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
            destinations = try reader.readArray(elementSize: 2) { reader throws(BinaryDecodingError) in
                try reader.readPartition()
            }
            messages = try reader.readArray(elementSize: MailMessage.leastSize) { reader throws(BinaryDecodingError) in
                try reader.read()
            }
        }
    }

    let letters: [Letter]

    init(letters: [Letter]) {
        self.letters = letters
    }

    func encode(into writer: inout BinaryWriter) {
        writer.writeArray(letters) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        letters = try reader.readArray(elementSize: Letter.leastSize) { reader throws(BinaryDecodingError) in
            try reader.read()
        }
    }
}
