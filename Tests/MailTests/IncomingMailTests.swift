import Mail
import Model
import Testing

@Suite struct IncomingMailTests {
    private static let source = PartitionID(7)

    private func letter(_ sequence: UInt64, after predecessor: UInt64) -> Letter {
        Letter(
            source: Self.source,
            sequence: sequence,
            predecessor: predecessor,
            messages: []
        )
    }

    @Test func aLetterIsTakenOnlyBehindItsPredecessor() {
        var mail = IncomingMail()
        #expect(mail.verdict(on: letter(4, after: 2)) == .refuse)
        #expect(mail.verdict(on: letter(2, after: 0)) == .take)
        mail.noteTaken(letter(2, after: 0))
        #expect(mail.verdict(on: letter(2, after: 0)) == .skip)
        #expect(mail.verdict(on: letter(4, after: 2)) == .take)
        #expect(mail.verdict(on: letter(6, after: 4)) == .refuse)
        #expect(mail.receipt(for: Self.source) == MailReceipt(partition: Self.source, sequence: 2))
    }
}
