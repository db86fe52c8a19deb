internal import Model

/// What one log entry has to tell other partitions, gathered into letters: a letter costs its sender, its destination
/// and both their stores more than a message does.
struct EntryMail {
    struct Gathered {
        let destinations: [PartitionID]
        var messages: [MailMessage]
    }

    /// Taking a letter is one step of applying an entry, so it must not be long.
    private static let largestLetter = 256

    private var letters: [Gathered] = []
    /// The last letter for each destination: a message must not overtake another.
    private var last: [PartitionID: Int] = [:]

    mutating func append(_ message: MailMessage, to destinations: [PartitionID]) {
        if let first = destinations.first, let index = last[first],
            letters[index].destinations == destinations, letters[index].messages.count < EntryMail.largestLetter,
            destinations.allSatisfy({ last[$0] == index })
        {
            letters[index].messages.append(message)
            return
        }
        for destination in destinations {
            last[destination] = letters.count
        }
        letters.append(Gathered(destinations: destinations, messages: [message]))
    }

    /// The letters, in order. There are none afterwards.
    mutating func takeAll() -> [Gathered] {
        guard !letters.isEmpty else { return [] }
        defer {
            letters.removeAll(keepingCapacity: true)
            last.removeAll(keepingCapacity: true)
        }
        return letters
    }
}
