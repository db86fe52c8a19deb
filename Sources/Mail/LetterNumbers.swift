package import Model

/// How a partition numbers its letters: each one has a larger number than all before it, those too that it has written
/// and lost.
///
/// Where replicas are lost for good, a partition may go on, in a new epoch, without the end of its log. Letters of that end
/// have been taken elsewhere: one with the number of such a letter would pass for it, and never be taken.
package enum LetterNumbers {
    private static let bitsWithinEpoch: UInt64 = 40
    /// No partition gets so far: what has a larger number is nonsense, whoever says it.
    static let largest = UInt64.max >> 1

    /// The number of the next letter.
    ///
    /// - Parameters:
    ///   - last: of the letter before it.
    ///   - epoch: of the entry that writes it.
    package static func next(after last: UInt64, in epoch: UInt64) -> UInt64 {
        max(last, min(epoch, largest >> bitsWithinEpoch) << bitsWithinEpoch) + 1
    }

    /// Whether so many letters from the one numbered `first` on can have been written.
    package static func areLetters(_ first: UInt64, count: Int) -> Bool {
        first <= largest && UInt64(count) <= largest - first
    }

    /// The number behind which letters go on, where destinations have taken letters that the partition may have lost.
    package static func last(_ last: UInt64, passing receipts: [MailReceipt]) -> UInt64 {
        receipts.reduce(last) { $1.sequence > largest ? $0 : max($0, $1.sequence) }
    }
}
