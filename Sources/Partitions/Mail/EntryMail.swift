package import Model

/// What one log entry has to tell other partitions, gathered into letters: a letter costs its sender, its destination
/// and both their stores more than a message does.
package struct EntryMail {
    package struct Gathered {
        package let destinations: [PartitionID]
        package fileprivate(set) var messages: [MailMessage]
        fileprivate var bytes: Int
    }

    /// Taking a letter is one step of applying an entry, so it must not be long.
    private static let largestLetter = 256
    /// About the most bytes of a letter of more than one message.
    private static let largestLetterBytes = 256 << 10

    /// About the most bytes that are stored together, where it is more than one letter: a record stays until all of its letters
    /// are taken, and is one piece of a snapshot.
    private static let largestRecordBytes = 256 << 10

    private var letters: [Gathered] = []
    /// The last letter for each destination: a message must not overtake another.
    private var last: [PartitionID: Int] = [:]

    package init() {}

    package mutating func append(_ message: MailMessage, to destinations: [PartitionID]) {
        let size = message.size
        if let first = destinations.first, let index = last[first],
            letters[index].destinations == destinations, letters[index].messages.count < EntryMail.largestLetter,
            letters[index].bytes + size <= EntryMail.largestLetterBytes,
            destinations.allSatisfy({ last[$0] == index })
        {
            letters[index].messages.append(message)
            letters[index].bytes += size
            return
        }
        for destination in destinations {
            last[destination] = letters.count
        }
        letters.append(Gathered(destinations: destinations, messages: [message], bytes: size))
    }

    /// The letters, in order, those together that are to be stored together. There are none afterwards.
    package mutating func takeAll() -> [[Gathered]] {
        var records: [[Gathered]] = []
        var bytes = 0
        for letter in letters {
            if records.isEmpty || bytes + letter.bytes > EntryMail.largestRecordBytes {
                records.append([])
                bytes = 0
            }
            records[records.count - 1].append(letter)
            bytes += letter.bytes
        }
        letters.removeAll(keepingCapacity: true)
        last.removeAll(keepingCapacity: true)
        return records
    }
}
