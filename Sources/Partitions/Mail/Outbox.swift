internal import Mail
internal import Model
internal import Store

/// A partition's letters to other partitions as the store keeps them: a record has a letter and its destinations, and
/// another for each destination how far it was trimmed.
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
            mail.append(record.messages, sequence: try Keys.integer(key), to: record.destinations)
            return true
        }
    }

    /// Stores a letter with the entry that writes it.
    func append(
        _ messages: [MailMessage],
        sequence: UInt64,
        to destinations: [PartitionID],
        in transaction: Transaction
    ) {
        let record = OutboxRecord(destinations: destinations, messages: messages)
        transaction.putBlindly(keys.of(.outbox, sequence), record.encoded())
        mail.append(messages, sequence: sequence, to: destinations)
    }

    /// Applies that destinations have taken letters: what all of its destinations have is removed.
    func trim(_ receipts: [MailReceipt], in transaction: Transaction) {
        let trimmed = mail.trim(receipts)
        for sequence in trimmed.letters {
            transaction.deleteOnce(keys.of(.outbox, sequence))
        }
        for receipt in trimmed.receipts {
            transaction.put(keys.of(.outboxStream, UInt64(receipt.partition.rawValue)), receipt)
        }
    }
}

/// A letter as the outbox stores it.
struct OutboxRecord: BinaryCodable {
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
