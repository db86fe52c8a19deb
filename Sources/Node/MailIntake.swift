package import Model

/// What letters enter: the log of a partition that this node leads.
package protocol MailLog: AnyObject {
    /// Whether anything may enter it now.
    var takesEntries: Bool { get }
    /// Entries that are on their way through it.
    var unappliedCount: Int { get }
    func append(_ command: Command, _ origin: Origin)
    /// The last letter that applied entries took from a partition.
    func receipt(for source: PartitionID) -> MailReceipt
}

/// Takes letters of other partitions into a partition's log.
///
/// Confined to its host's event loop.
package final class MailIntake {
    /// About how many messages one log entry takes: an entry is applied in one go, so it must not be long.
    private static let messagesPerEntry = 512
    /// Messages that may be on their way through the log. A source that gets no answer in time sends its letters again:
    /// without a bound, a partition that is behind would log the same ones until it is behind for minutes.
    private static let largestInFlight = 16_384

    private struct Gathered {
        let letters: [Letter]
        let completion: ([MailReceipt]?) -> Void
    }

    private unowned let log: any MailLog
    private let limit: Int
    private var inFlight = 0
    private var gathered: [Gathered] = []

    /// - Parameter limit: entries that may be on their way through the log when letters come.
    package init(log: any MailLog, limit: Int) {
        self.log = log
        self.limit = limit
    }

    /// Takes letters, to enter the log with those that come until `enterLog`. `completion` is given how far each source's stream was
    /// taken, or nil where the partition cannot take mail now.
    package func receive(_ letters: [Letter], completion: @escaping ([MailReceipt]?) -> Void) {
        guard mayTake, inFlight < MailIntake.largestInFlight else { return completion(nil) }
        inFlight += MailIntake.messageCount(letters)
        gathered.append(Gathered(letters: letters, completion: completion))
    }

    /// Lets the letters that have gathered enter the log.
    package func enterLog() {
        guard !gathered.isEmpty else { return }
        guard mayTake else { return giveUp() }
        let taken = gathered
        gathered = []
        var batch: [Letter] = []
        var messages = 0
        for letter in taken.lazy.flatMap(\.letters) {
            if messages >= MailIntake.messagesPerEntry {
                log.append(.receiveMail(batch), .own)
                batch = []
                messages = 0
            }
            batch.append(letter)
            messages += letter.messages.count
        }
        // What the last entry comes to says how far all sources' streams were taken.
        log.append(
            .receiveMail(batch),
            .mail { receipts in
                for one in taken {
                    self.finish(one, isTaken: receipts != nil)
                }
            }
        )
    }

    /// Tells who waits for gathered letters that the partition cannot take them.
    package func giveUp() {
        let untaken = gathered
        gathered = []
        for one in untaken {
            finish(one, isTaken: false)
        }
    }

    private var mayTake: Bool { log.takesEntries && log.unappliedCount < limit }

    private func finish(_ one: Gathered, isTaken: Bool) {
        inFlight -= MailIntake.messageCount(one.letters)
        guard isTaken else { return one.completion(nil) }
        one.completion(Set(one.letters.map(\.source)).map { log.receipt(for: $0) })
    }

    private static func messageCount(_ letters: [Letter]) -> Int { letters.reduce(0) { $0 + $1.messages.count } }
}
