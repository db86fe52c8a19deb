import Mail
import Model
import Testing

@Suite struct MailProgressTests {
    private let source = PartitionID(0)
    private let destinations = [PartitionID(1), PartitionID(2)]

    @Test func whatIsTrimmedIsWorthAnEntryAndIsSaidOnce() {
        var mail = OutgoingMail()
        for sequence in 1...UInt64(4) {
            mail.append([.authorDeleted(UserID(1))], sequence: sequence, to: destinations)
        }
        var progress = MailProgress()
        let first = MailReceipt(partition: source, incarnation: 1, sequence: 3)
        let answers = (0..<2).map { _ in progress.note(first, of: destinations[0]) }
        #expect(answers == [true, false])
        #expect(progress.taken(from: source, by: destinations[0]) == 3)
        #expect(progress.trim(of: source, in: mail, from: 4).isEmpty)
        let receipts = progress.trim(of: source, in: mail, from: 3)
        #expect(receipts == [mail.receipt(for: destinations[0], sequence: 3)])
        progress.noteTrim(receipts, of: source)
        #expect(progress.trim(of: source, in: mail, from: 1).isEmpty)
        // No letter is gone before its last destination has it.
        let trims = [receipts, [mail.receipt(for: destinations[1], sequence: 4)]].map { mail.trim($0).letters }
        #expect(trims == [[], [1, 2, 3]])
        #expect(mail.waitingCount == 1)
    }

    @Test func aDestinationThatKnowsLessIsBelieved() {
        var progress = MailProgress()
        _ = progress.note(MailReceipt(partition: source, incarnation: 1, sequence: 8), of: destinations[0])
        let isProgress = progress.note(
            MailReceipt(partition: source, incarnation: 1, sequence: 5),
            of: destinations[0]
        )
        #expect(!isProgress)
        #expect(progress.taken(from: source, by: destinations[0]) == 5)
        progress.forget(source)
        #expect(progress.taken(from: source, by: destinations[0]) == 0)
    }
}
