internal import DequeModule
package import Model

/// The letters of a partition that wait to be taken: a queue for each destination, from the entry that wrote a letter until
/// the destination is known to have it. Values only; the store and the network are its users' affair.
package struct OutgoingMail: Sendable {
    private struct Waiting {
        let sequence: UInt64
        /// Of the letters that are stored together, the first.
        let record: UInt64
        let messages: [MailMessage]
    }

    private struct Stream {
        var acknowledged: UInt64 = 0
        var lastSequence: UInt64 = 0
        /// The last letter with a message that somebody waits for.
        var lastAwaited: UInt64 = 0
        var waiting: Deque<Waiting> = []
        /// In all letters that wait.
        var waitingMessages = 0
        var mayBeAwaited: Bool { lastAwaited > acknowledged }

        /// - Parameter awaited: counts the streams that may be awaited.
        /// - Returns: whether the destination has not taken it yet.
        mutating func enqueue(_ letter: Waiting, awaited: inout Int) -> Bool {
            awaited -= mayBeAwaited ? 1 : 0
            defer { awaited += mayBeAwaited ? 1 : 0 }
            let isUntaken = letter.sequence > acknowledged
            if isUntaken {
                waiting.append(letter)
                waitingMessages += letter.messages.count
            }
            lastSequence = max(lastSequence, letter.sequence)
            if letter.messages.contains(where: \.isAwaited) { lastAwaited = max(lastAwaited, letter.sequence) }
            return isUntaken
        }

        /// - Parameter awaited: counts the streams that may be awaited.
        /// - Returns: the records of the letters that were waiting and are taken now.
        mutating func take(upTo sequence: UInt64, awaited: inout Int) -> [UInt64] {
            awaited -= mayBeAwaited ? 1 : 0
            defer { awaited += mayBeAwaited ? 1 : 0 }
            acknowledged = sequence
            lastSequence = max(lastSequence, sequence)
            let taken = waiting.prefix { $0.sequence <= sequence }
            waitingMessages -= taken.reduce(0) { $0 + $1.messages.count }
            let records = taken.map(\.record)
            waiting.removeFirst(records.count)
            return records
        }
    }

    private var streams: [PartitionID: Stream] = [:]
    /// How many of them have a letter that somebody may wait for.
    private var awaitedStreams = 0
    /// For each record, how many letters in it have not been taken, one to several destinations counted for each.
    private var untaken: [UInt64: Int] = [:]

    package init() {}

    /// A destination's stream as it was trimmed last, before the letters that are left are appended again.
    package mutating func restore(_ receipt: MailReceipt) {
        streams[receipt.partition] = Stream(
            acknowledged: receipt.sequence,
            lastSequence: receipt.sequence
        )
    }

    /// A letter to some destinations, later than all before.
    ///
    /// - Parameter record: the first of the letters that are stored together with this one; the letter itself where nil.
    package mutating func append(
        _ messages: [MailMessage],
        sequence: UInt64,
        to destinations: [PartitionID],
        record: UInt64? = nil
    ) {
        let letter = Waiting(sequence: sequence, record: record ?? sequence, messages: messages)
        var untakenCount = 0
        for destination in destinations {
            let isUntaken = streams[destination, default: Stream()].enqueue(letter, awaited: &awaitedStreams)
            untakenCount += isUntaken ? 1 : 0
        }
        untaken[letter.record, default: 0] += untakenCount
    }

    /// The destinations that have letters waiting.
    package var destinations: [PartitionID] {
        streams.filter { !$0.value.waiting.isEmpty }.map(\.key)
    }

    /// Calls `body` with each destination that has letters waiting, and whether somebody may wait for one of them.
    package func forEachWaiting(_ body: (_ destination: PartitionID, _ mayBeAwaited: Bool) -> Void) {
        for index in streams.indices where !streams.values[index].waiting.isEmpty {
            body(streams.keys[index], streams.values[index].mayBeAwaited)
        }
    }

    /// Whether somebody may wait for a letter that waits here. That all of them are taken is known when it is trimmed.
    package var mayBeAwaited: Bool { awaitedStreams > 0 }

    /// How many letters no trim has taken away yet, counting one to several destinations several times.
    package var waitingCount: Int { streams.values.reduce(0) { $0 + $1.waiting.count } }

    /// A destination for which more than `limit` messages wait, if there is one.
    package func fullDestination(limit: Int) -> PartitionID? {
        streams.first { $0.value.waitingMessages > limit }?.key
    }

    /// The last letter that a destination was noted to have.
    package func acknowledged(by destination: PartitionID) -> UInt64 { streams[destination]?.acknowledged ?? 0 }

    /// Whether a destination can have taken the letter numbered `sequence` last: 0 stands for none.
    package func isWritten(_ sequence: UInt64, to destination: PartitionID) -> Bool {
        guard let stream = streams[destination] else { return sequence == 0 }
        if sequence == stream.acknowledged { return true }
        let position = stream.waiting.partitioningIndex { $0.sequence >= sequence }
        return position < stream.waiting.endIndex && stream.waiting[position].sequence == sequence
    }

    /// How many letters wait for a destination up to the one numbered `sequence`.
    package func waitingCount(for destination: PartitionID, upTo sequence: UInt64) -> Int {
        guard let stream = streams[destination] else { return 0 }
        return stream.waiting.partitioningIndex { $0.sequence > sequence } - stream.waiting.startIndex
    }

    /// Whether there are letters for a destination behind the one numbered `sequence`.
    package func hasLetters(for destination: PartitionID, after sequence: UInt64) -> Bool {
        (streams[destination]?.waiting.last?.sequence ?? 0) > sequence
    }

    /// Whether somebody waits for a letter to a destination behind the one numbered `sequence`.
    package func isAwaited(by destination: PartitionID, after sequence: UInt64) -> Bool {
        (streams[destination]?.lastAwaited ?? 0) > sequence
    }

    /// Letters for a destination, oldest first.
    ///
    /// - Parameters:
    ///   - sequence: the letter that the destination is known to have taken last, or would have to; nil where nothing is known.
    ///     One that this partition has not written, or forgotten, will do: what is returned is all that it has behind it.
    ///   - limit: the most letters.
    ///   - bytes: about the most bytes; one letter is returned however large it is.
    ///   - source: the partition whose mail this is.
    package func letters(
        for destination: PartitionID,
        after sequence: UInt64?,
        limit: Int,
        bytes: Int,
        from source: PartitionID
    ) -> [Letter] {
        guard let stream = streams[destination] else { return [] }
        let start = sequence.map { taken in stream.waiting.partitioningIndex { $0.sequence > taken } } ?? 0
        var predecessor = sequence ?? stream.acknowledged
        var letters: [Letter] = []
        var size = 0
        for waiting in stream.waiting[start...].prefix(limit) {
            let letter = Letter(
                source: source,
                sequence: waiting.sequence,
                predecessor: predecessor,
                messages: waiting.messages
            )
            size += letter.size
            if size > bytes, !letters.isEmpty { break }
            letters.append(letter)
            predecessor = letter.sequence
        }
        return letters
    }

    /// What a trim did.
    package struct Trimmed {
        /// Receipts that said something new.
        package var receipts: [MailReceipt] = []
        /// Records of which every letter is where it has to be.
        package var records: [UInt64] = []
    }

    /// Applies that destinations have taken letters.
    package mutating func trim(_ receipts: [MailReceipt]) -> Trimmed {
        var trimmed = Trimmed()
        for receipt in receipts {
            let acknowledged = streams[receipt.partition]?.acknowledged ?? .max
            guard receipt.sequence > acknowledged, receipt.sequence <= LetterNumbers.largest else { continue }
            let records = streams[receipt.partition]?.take(upTo: receipt.sequence, awaited: &awaitedStreams) ?? []
            for record in records {
                let left = (untaken[record] ?? 1) - 1
                untaken[record] = left > 0 ? left : nil
                if left <= 0 { trimmed.records.append(record) }
            }
            trimmed.receipts.append(receipt)
        }
        return trimmed
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
