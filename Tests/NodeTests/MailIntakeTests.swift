import Model
import Node
import Testing

@Suite struct MailIntakeTests {
    /// A log that keeps what enters it until the test says what became of it.
    private final class TestLog: MailLog {
        var takesEntries = true
        var unappliedCount: Int { entries.count }
        private(set) var entries: [(letters: [Letter], origin: Origin)] = []
        private var taken: [PartitionID: UInt64] = [:]

        func append(_ command: Command, _ origin: Origin) {
            guard case .receiveMail(let letters) = command else {
                Issue.record("\(command) entered the log")
                return
            }
            entries.append((letters, origin))
        }

        func receipt(for source: PartitionID) -> MailReceipt {
            MailReceipt(partition: source, sequence: taken[source] ?? 0)
        }

        /// Everything in the log is applied, or nobody knows what became of it.
        func finish(isApplied: Bool) {
            let finished = entries
            entries = []
            for (letters, origin) in finished {
                for letter in letters where isApplied {
                    taken[letter.source] = letter.sequence
                }
                if case .mail(let completion) = origin { completion(isApplied ? [] : nil) }
            }
        }
    }

    private let log = TestLog()
    private let intake: MailIntake

    init() {
        intake = MailIntake(log: log, limit: 10)
    }

    private func letter(from source: UInt16, _ sequence: UInt64, messages: Int = 1) -> Letter {
        let message = MailMessage.delivery(author: UserID(1), tweet: TweetID(sequence), replyTo: nil)
        return Letter(
            source: PartitionID(source),
            sequence: sequence,
            predecessor: sequence - 1,
            messages: Array(repeating: message, count: messages)
        )
    }

    /// What whoever sent letters is told, in the order of the answers.
    private final class Answers {
        var all: [[MailReceipt]?] = []
    }

    private func receive(_ letters: [Letter]) -> Answers {
        let answers = Answers()
        intake.receive(letters) { answers.all.append($0) }
        return answers
    }

    @Test func lettersOfSeveralNodesEnterTheLogTogether() {
        let first = receive([letter(from: 1, 7), letter(from: 2, 3)])
        let second = receive([letter(from: 4, 9)])
        #expect(log.entries.isEmpty)
        intake.enterLog()
        intake.enterLog()
        #expect(log.entries.map(\.letters) == [[letter(from: 1, 7), letter(from: 2, 3), letter(from: 4, 9)]])
        #expect(first.all.isEmpty && second.all.isEmpty)
        log.finish(isApplied: true)
        #expect(first.all.count == 1 && second.all.count == 1)
        let receipts = [
            MailReceipt(partition: PartitionID(1), sequence: 7), MailReceipt(partition: PartitionID(2), sequence: 3),
        ]
        #expect(first.all.first.map { Set($0 ?? []) } == Set(receipts))
        #expect(second.all == [[MailReceipt(partition: PartitionID(4), sequence: 9)]])
    }

    @Test func manyMessagesAreSeveralEntriesAndOneAnswer() {
        let answers = receive((1...6).map { letter(from: 1, $0, messages: 200) })
        intake.enterLog()
        #expect(log.entries.map(\.letters.count) == [3, 3])
        log.finish(isApplied: true)
        #expect(answers.all == [[MailReceipt(partition: PartitionID(1), sequence: 6)]])
    }

    @Test func whoeverCannotBeTakenIsToldOnce() {
        log.takesEntries = false
        #expect(receive([letter(from: 1, 1)]).all == [nil])
        log.takesEntries = true
        let givenUp = receive([letter(from: 1, 1)])
        intake.giveUp()
        intake.enterLog()
        let late = receive([letter(from: 1, 1)])
        log.takesEntries = false
        intake.enterLog()
        log.takesEntries = true
        let lost = receive([letter(from: 1, 1)])
        intake.enterLog()
        log.finish(isApplied: false)
        for answers in [givenUp, late, lost] {
            #expect(answers.all == [nil])
        }
        #expect(log.entries.isEmpty)
    }

    /// What is never given back would end mail for good.
    @Test func whatIsOnItsWayIsBounded() {
        for _ in 0..<3 {
            var sent: [Answers] = []
            while sent.last?.all.isEmpty ?? true, sent.count < 100 {
                sent.append(receive([letter(from: 1, 1, messages: 1_024)]))
            }
            #expect(sent.count == 17)
            intake.enterLog()
            log.finish(isApplied: sent.count.isMultiple(of: 2))
            #expect(sent.allSatisfy { $0.all.count == 1 })
        }
        let answers = receive([letter(from: 1, 1)])
        intake.enterLog()
        log.finish(isApplied: true)
        #expect(answers.all == [[MailReceipt(partition: PartitionID(1), sequence: 1)]])
    }
}
