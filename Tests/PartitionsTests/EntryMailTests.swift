import Model
import Partitions
import Randomness
import Testing

/// What one entry tells other partitions: in few letters, and to each destination in the order in which it was told.
@Suite struct EntryMailTests {
    private func message(_ number: UInt64) -> MailMessage { .authorDeleted(UserID(number)) }

    @Test(arguments: 1...20)
    func everyDestinationGetsEverythingInItsOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var mail = EntryMail()
        var expected: [PartitionID: [MailMessage]] = [:]
        for number in 0..<1_000 {
            let some = (0..<4).filter { _ in Bool.random(using: &random) }.map { PartitionID($0) }
            guard !some.isEmpty else { continue }
            mail.append(message(UInt64(number)), to: some)
            for destination in some { expected[destination, default: []].append(message(UInt64(number))) }
        }
        var found: [PartitionID: [MailMessage]] = [:]
        let letters = mail.takeAll().flatMap(\.self)
        for letter in letters {
            for destination in letter.destinations { found[destination, default: []] += letter.messages }
        }
        #expect(found == expected, "seed \(seed)")
        #expect(mail.takeAll().isEmpty)
    }

    @Test func aLetterIsBoundedInMessagesAndInBytes() {
        var mail = EntryMail()
        let (one, other) = (PartitionID(1), PartitionID(2))
        for number in 0..<1_000 { mail.append(message(UInt64(number)), to: [one]) }
        #expect(mail.takeAll().map { $0.map(\.messages.count) } == [[256, 256, 256, 232]])

        let entries = (0..<800).map { ListEntry(tweet: TweetID(UInt64(800 - $0)), replyTo: nil, arrival: 1) }
        let list = MailMessage.backfill(author: UserID(1), generation: 1, list: SortedList(cap: 800, entries: entries))
        for _ in 0..<100 { mail.append(list, to: [other]) }
        let records = mail.takeAll()
        #expect(records.count > 1)
        for record in records {
            #expect(!record.isEmpty && record.flatMap(\.messages).reduce(0) { $0 + $1.size } <= 256 << 10)
        }
    }
}
