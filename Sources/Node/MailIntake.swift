internal import Model
internal import Partitions

/// Takes letters of other partitions into a partition's log.
///
/// Confined to its host's event loop.
final class MailIntake {
    /// About how many messages one log entry takes: an entry is applied in one go, so it must not be long.
    private static let messagesPerEntry = 512
    /// Messages that may be on their way through the log. A source that gets no answer in time sends its letters again:
    /// without a bound, a partition that is behind would log the same ones until it is behind for minutes.
    private static let largestInFlight = 16_384

    private unowned let replica: Replica
    private let limit: Int
    private var inFlight = 0

    /// - Parameter limit: entries that may be on their way through the log when letters come.
    init(replica: Replica, limit: Int) {
        self.replica = replica
        self.limit = limit
    }

    /// `completion` is given how far each source's stream was taken, or nil where the partition cannot take mail now.
    func receive(_ letters: [Letter], completion: @escaping ([MailReceipt]?) -> Void) {
        guard replica.writeRefusal == nil, replica.unappliedCount < limit, inFlight < MailIntake.largestInFlight else {
            return completion(nil)
        }
        let count = letters.reduce(0) { $0 + $1.messages.count }
        inFlight += count
        let completion: ([MailReceipt]?) -> Void = { receipts in
            self.inFlight -= count
            completion(receipts)
        }
        var batch: [Letter] = []
        var messages = 0
        for letter in letters {
            if messages >= MailIntake.messagesPerEntry {
                replica.append(.receiveMail(batch), .own)
                batch = []
                messages = 0
            }
            batch.append(letter)
            messages += letter.messages.count
        }
        // What the last entry comes to says how far all sources' streams were taken.
        let sources = Set(letters.map(\.source))
        replica.append(
            .receiveMail(batch),
            .mail { receipts in
                completion(receipts.map { _ in sources.map { self.replica.partition.receipt(for: $0) } })
            }
        )
    }
}
