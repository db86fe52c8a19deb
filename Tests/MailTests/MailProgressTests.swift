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
        let news = (0..<2).map { _ in progress.note(first, of: destinations[0], in: mail, floor: 0) }
        #expect(news == [.progress, .noProgress])
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

    @Test func receiptsAreBelievedUnlessSomebodyHasLostEntries() {
        var mail = OutgoingMail()
        for sequence in 1...UInt64(9) {
            mail.append([.authorDeleted(UserID(1))], sequence: sequence, to: destinations)
        }
        var progress = MailProgress()
        func news(_ sequence: UInt64, floor: UInt64) -> MailProgress.News {
            let receipt = MailReceipt(partition: source, incarnation: 1, sequence: sequence)
            return progress.note(receipt, of: destinations[0], in: mail, floor: floor)
        }
        #expect([news(8, floor: 0), news(5, floor: 0), news(10, floor: 0)] == [.progress, .noProgress, .impossible])
        #expect(progress.taken(from: source, by: destinations[0]) == 5)
        _ = mail.trim([mail.receipt(for: destinations[0], sequence: 5)])
        // Said before the trim, or behind it by who has lost what it had taken.
        #expect([news(4, floor: 3), news(4, floor: 5)] == [.late, .impossible])
        #expect(progress.taken(from: source, by: destinations[0]) == 5)
        progress.forget(source)
        #expect(progress.taken(from: source, by: destinations[0]) == 0)
    }
}
