internal import DequeModule
package import Model
internal import Store

/// A partition's letters to other partitions, from the entry that wrote them until every destination has them.
///
/// One record holds a message and its destinations; beside it, in memory, each destination has its queue.
package final class Outbox {
    /// What the streams of this partition begin with.
    private static let firstIncarnation: UInt64 = 1

    private struct Waiting {
        let sequence: UInt64
        let predecessor: UInt64
        let messages: [MailMessage]
    }

    private struct Stream {
        var incarnation = Outbox.firstIncarnation
        var acknowledged: UInt64 = 0
        var lastSequence: UInt64 = 0
        /// The last letter with a message that somebody waits for.
        var lastAwaited: UInt64 = 0
        var waiting: Deque<Waiting> = []
        /// In all letters that wait.
        var waitingMessages = 0

        /// - Returns: whether the destination has not taken it yet.
        mutating func enqueue(_ messages: [MailMessage], sequence: UInt64) -> Bool {
            let isUntaken = sequence > acknowledged
            if isUntaken {
                waiting.append(Waiting(sequence: sequence, predecessor: lastSequence, messages: messages))
                waitingMessages += messages.count
            }
            lastSequence = max(lastSequence, sequence)
            if messages.contains(where: \.isAwaited) { lastAwaited = max(lastAwaited, sequence) }
            return isUntaken
        }

        /// - Returns: the sequences of the letters that were waiting and are taken now.
        mutating func take(upTo sequence: UInt64) -> [UInt64] {
            acknowledged = sequence
            let taken = waiting.prefix { $0.sequence <= sequence }
            waitingMessages -= taken.reduce(0) { $0 + $1.messages.count }
            let sequences = taken.map(\.sequence)
            waiting.removeFirst(sequences.count)
            return sequences
        }
    }

    private let keys: Keys
    private var streams: [PartitionID: Stream] = [:]
    /// For each stored letter, how many destinations have not taken it.
    private var untaken: [UInt64: Int] = [:]

    init(database: Database, keys: Keys) throws(PartitionFailure) {
        self.keys = keys
        try database.forEach(prefix: keys.of(.outboxStream)) { key, value throws(PartitionFailure) in
            let receipt: MailReceipt = try decode(value)
            streams[receipt.partition] = Stream(
                incarnation: receipt.incarnation,
                acknowledged: receipt.sequence,
                lastSequence: receipt.sequence
            )
            return true
        }
        try database.forEach(prefix: keys.of(.outbox)) { key, value throws(PartitionFailure) in
            let record: OutboxRecord = try decode(value)
            enqueue(record.messages, sequence: try Keys.integer(key), to: record.destinations)
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
        enqueue(messages, sequence: sequence, to: destinations)
    }

    private func enqueue(_ messages: [MailMessage], sequence: UInt64, to destinations: [PartitionID]) {
        var untakenCount = 0
        for destination in destinations {
            if streams[destination, default: Stream()].enqueue(messages, sequence: sequence) { untakenCount += 1 }
        }
        untaken[sequence] = untakenCount
    }

    /// The destinations that have letters waiting.
    package var destinations: [PartitionID] {
        streams.filter { !$0.value.waiting.isEmpty }.map(\.key)
    }

    /// How many letters no trim has taken away yet, counting one to several destinations several times.
    package var waitingCount: Int { streams.values.reduce(0) { $0 + $1.waiting.count } }

    /// A destination for which more than `limit` messages wait, if there is one.
    package func fullDestination(limit: Int) -> PartitionID? {
        streams.first { $0.value.waitingMessages > limit }?.key
    }

    /// Whether a destination's receipt can be true: neither ahead of what was written, nor behind what it has
    /// acknowledged before. It cannot where one side lost the end of its log.
    package func isPossible(_ sequence: UInt64, from destination: PartitionID) -> Bool {
        guard let stream = streams[destination] else { return sequence == 0 }
        return sequence >= stream.acknowledged && sequence <= stream.lastSequence
    }

    /// What a trim says of a destination that has taken everything up to the letter numbered `sequence`.
    package func receipt(for destination: PartitionID, sequence: UInt64) -> MailReceipt {
        MailReceipt(
            partition: destination,
            incarnation: streams[destination]?.incarnation ?? Outbox.firstIncarnation,
            sequence: sequence
        )
    }

    /// Whether there are letters for a destination behind the one numbered `sequence`.
    package func hasLetters(for destination: PartitionID, after sequence: UInt64) -> Bool {
        (streams[destination]?.waiting.last?.sequence ?? 0) > sequence
    }

    /// Whether somebody waits for a letter to a destination behind the one numbered `sequence`.
    package func isAwaited(by destination: PartitionID, after sequence: UInt64) -> Bool {
        (streams[destination]?.lastAwaited ?? 0) > sequence
    }

    /// Letters for a destination behind the one numbered `sequence`, oldest first.
    ///
    /// - Parameters:
    ///   - limit: the most letters.
    ///   - bytes: about the most bytes; one letter is returned however large it is.
    ///   - source: the partition that owns this outbox.
    package func letters(
        for destination: PartitionID,
        after sequence: UInt64,
        limit: Int,
        bytes: Int,
        from source: PartitionID
    ) -> [Letter] {
        guard let stream = streams[destination] else { return [] }
        let start = stream.waiting.partitioningIndex { $0.sequence > sequence }
        var letters: [Letter] = []
        var size = 0
        for waiting in stream.waiting[start...].prefix(limit) {
            let letter = Letter(
                source: source,
                incarnation: stream.incarnation,
                sequence: waiting.sequence,
                predecessor: waiting.predecessor,
                messages: waiting.messages
            )
            size += letter.size
            if size > bytes, !letters.isEmpty { break }
            letters.append(letter)
        }
        return letters
    }

    /// Applies that destinations have taken letters: what all of its destinations have is removed.
    func trim(_ receipts: [MailReceipt], in transaction: Transaction) {
        for receipt in receipts {
            guard let stream = streams[receipt.partition], stream.incarnation == receipt.incarnation,
                receipt.sequence > stream.acknowledged, receipt.sequence <= stream.lastSequence
            else { continue }
            for sequence in streams[receipt.partition]?.take(upTo: receipt.sequence) ?? [] {
                let left = (untaken[sequence] ?? 1) - 1
                untaken[sequence] = left > 0 ? left : nil
                if left <= 0 {
                    transaction.deleteOnce(keys.of(.outbox, sequence))
                }
            }
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

extension Deque {
    /// The index of the first element that satisfies a predicate which all later ones satisfy too.
    fileprivate func partitioningIndex(_ predicate: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}
