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
        let first = MailReceipt(partition: source, sequence: 3)
        let news = (0..<2).map { _ in progress.note(first, of: destinations[0], in: mail, floor: 0, maySeeLoss: true) }
        #expect(news == [.progress, .noProgress])
        #expect(progress.taken(from: source, by: destinations[0]) == 3)
        #expect(progress.trim(of: source, in: mail, from: 4).isEmpty)
        let receipts = progress.trim(of: source, in: mail, from: 3)
        #expect(receipts == [MailReceipt(partition: destinations[0], sequence: 3)])
        progress.noteTrim(receipts, of: source)
        #expect(progress.trim(of: source, in: mail, from: 1).isEmpty)
        // No letter is gone before its last destination has it.
        let trims = [receipts, [MailReceipt(partition: destinations[1], sequence: 4)]].map { mail.trim($0).records }
        #expect(trims == [[], [1, 2, 3]])
        #expect(mail.waitingCount == 1)
    }

    @Test func numbersThatNobodyCanHaveWrittenAreTold() {
        let largest = UInt64.max >> 1
        let told = [(1, 5), (largest - 5, 5), (largest - 4, 5), (.max, 1), (.max, 0)].map { first, count in
            LetterNumbers.areLetters(first, count: count)
        }
        #expect(told == [true, true, false, false, false])
    }

    @Test func aRecordIsGoneWhenAllOfItsLettersAreTaken() {
        var mail = OutgoingMail()
        mail.append([.authorDeleted(UserID(1))], sequence: 1, to: [destinations[0]], record: 1)
        mail.append([.authorDeleted(UserID(2))], sequence: 2, to: destinations, record: 1)
        mail.append([.authorDeleted(UserID(3))], sequence: 3, to: [destinations[0]])
        let receipts = [(0, 2), (0, 3), (1, 2)].map { index, sequence in
            MailReceipt(partition: destinations[index], sequence: sequence)
        }
        #expect(receipts.map { mail.trim([$0]).records } == [[], [3], [1]])
    }

    @Test func receiptsAreBelievedUnlessSomebodyHasLostEntries() {
        var mail = OutgoingMail()
        for sequence in 1...UInt64(9) {
            mail.append([.authorDeleted(UserID(1))], sequence: sequence, to: destinations)
        }
        var progress = MailProgress()
        func news(_ sequence: UInt64, floor: UInt64) -> MailProgress.News {
            let receipt = MailReceipt(partition: source, sequence: sequence)
            return progress.note(receipt, of: destinations[0], in: mail, floor: floor, maySeeLoss: true)
        }
        #expect([news(8, floor: 0), news(5, floor: 0), news(10, floor: 0)] == [.progress, .noProgress, .lost])
        // Letters go on behind what the destination has, which this side knows nothing of.
        #expect(progress.taken(from: source, by: destinations[0]) == 10)
        _ = mail.trim([MailReceipt(partition: destinations[0], sequence: 5)])
        // Said before the trim, or behind it by who has lost what it had taken.
        #expect([news(4, floor: 3), news(4, floor: 5)] == [.late, .lost])
        #expect(progress.taken(from: source, by: destinations[0]) == 4)
        progress.forget(source)
        #expect(progress.taken(from: source, by: destinations[0]) == nil)
    }

    /// A number says in which epoch a letter was written: what a partition has lost is never taken for what it writes next.
    @Test func lettersGoOnWhereTheirSourceHasLostSome() {
        let before = (1...3).reduce(into: [UInt64]()) { all, _ in
            all.append(LetterNumbers.next(after: all.last ?? 0, in: 1))
        }
        let next = LetterNumbers.next(after: before[0], in: 2)
        #expect(before == before.sorted() && next > before[2])
        var mail = OutgoingMail()
        for sequence in [before[0], next] {
            mail.append([.authorDeleted(UserID(1))], sequence: sequence, to: destinations)
        }
        var progress = MailProgress()
        let receipt = MailReceipt(partition: source, sequence: before[2])
        // Without a lease there may be somebody who has written them.
        #expect(progress.note(receipt, of: destinations[0], in: mail, floor: 0, maySeeLoss: false) == .late)
        let nonsense = MailReceipt(partition: source, sequence: .max)
        #expect(progress.note(nonsense, of: destinations[0], in: mail, floor: 0, maySeeLoss: true) == .late)
        #expect(progress.note(receipt, of: destinations[0], in: mail, floor: 0, maySeeLoss: true) == .lost)
        let taken = progress.taken(from: source, by: destinations[0])
        let letters = mail.letters(for: destinations[0], after: taken, limit: 9, bytes: .max, from: source)
        #expect(letters.map(\.sequence) == [next] && letters.map(\.predecessor) == [before[2]])
    }

    @Test func lettersGoOnWhereTheirDestinationHasLostSome() {
        var mail = OutgoingMail()
        for sequence in 1...UInt64(4) {
            mail.append([.authorDeleted(UserID(1))], sequence: sequence, to: destinations)
        }
        _ = mail.trim([MailReceipt(partition: destinations[0], sequence: 3)])
        let unknown = mail.letters(for: destinations[0], after: nil, limit: 9, bytes: .max, from: source)
        #expect(unknown.map(\.predecessor) == [3])
        var progress = MailProgress()
        let receipt = MailReceipt(partition: source, sequence: 1)
        #expect(progress.note(receipt, of: destinations[0], in: mail, floor: 3, maySeeLoss: true) == .lost)
        let taken = progress.taken(from: source, by: destinations[0])
        let letters = mail.letters(for: destinations[0], after: taken, limit: 9, bytes: .max, from: source)
        #expect(letters.map(\.sequence) == [4] && letters.map(\.predecessor) == [1])
    }

    /// Numbers are far apart from one epoch to the next, and how many letters there are is counted.
    @Test func trimsCountLettersAndNotNumbers() {
        var mail = OutgoingMail()
        var last: UInt64 = 0
        for epoch in [1, 2, 1 << 40] as [UInt64] {
            last = LetterNumbers.next(after: last, in: epoch)
            mail.append([.authorDeleted(UserID(1))], sequence: last, to: destinations)
        }
        var progress = MailProgress()
        for destination in destinations {
            let receipt = MailReceipt(partition: source, sequence: last)
            #expect(progress.note(receipt, of: destination, in: mail, floor: 0, maySeeLoss: true) == .progress)
        }
        #expect(progress.trim(of: source, in: mail, from: 7).isEmpty)
        #expect(progress.trim(of: source, in: mail, from: 6).count == 2)
    }

    /// A number like this would leave none for the next letter.
    @Test func nonsenseIsNotCountedOn() {
        let nonsense = MailReceipt(partition: destinations[0], sequence: .max)
        #expect(LetterNumbers.last(7, passing: [nonsense]) == 7)
        var mail = OutgoingMail()
        mail.append([.authorDeleted(UserID(1))], sequence: 1, to: destinations)
        #expect(mail.trim([nonsense]).receipts.isEmpty && mail.waitingCount == 2)
        let letter = Letter(source: source, sequence: .max, predecessor: 0, messages: [])
        #expect(IncomingMail().verdict(on: letter) == .refuse)
    }

    /// What a source has lost was taken, with all before it: nothing of that waits any more.
    @Test func aReceiptOfALostLetterTrimsWhatWasBeforeIt() {
        var mail = OutgoingMail()
        mail.append([.authorDeleted(UserID(1))], sequence: 1, to: [destinations[0]])
        var progress = MailProgress()
        let receipt = MailReceipt(partition: source, sequence: 3)
        #expect(progress.note(receipt, of: destinations[0], in: mail, floor: 0, maySeeLoss: true) == .lost)
        #expect(mail.trim(progress.trim(of: source, in: mail, from: 1)).records == [1])
        #expect(mail.waitingCount == 0 && mail.isWritten(3, to: destinations[0]))
    }
}
