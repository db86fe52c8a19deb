internal import Messages
internal import Model
internal import NIOCore

/// Lets letters that come to this loop's partitions within a moment enter their logs together: couriers send at the same times, and
/// an entry of many letters costs a partition and its replicas hardly more than one of a single letter.
///
/// Confined to its host's event loop.
final class MailGathering {
    /// How long letters wait for others, where nobody waits for them.
    private static let longest = TimeAmount.milliseconds(2)

    private unowned let host: PartitionHost
    private var isScheduled = false
    /// Whether what has gathered enters in this turn of the loop.
    private var isEntering = false

    init(host: PartitionHost) {
        self.host = host
    }

    func receive(_ bag: MailBag, completion: @escaping (MailReport) -> Void) {
        guard let replica = host.replica(of: bag.destination) else {
            return completion(MailReport(destination: bag.destination, receipts: []))
        }
        replica.mail.receive(bag.letters) { receipts in
            completion(MailReport(destination: bag.destination, receipts: receipts ?? []))
        }
        if bag.letters.contains(where: { $0.messages.contains(where: \.isAwaited) }) {
            enterLogsThisTurn()
        } else if !isScheduled {
            isScheduled = true
            host.eventLoop.assumeIsolated().scheduleTask(in: MailGathering.longest) {
                self.isScheduled = false
                self.enterLogs()
            }
        }
    }

    /// Behind the request's letters to other partitions.
    private func enterLogsThisTurn() {
        guard !isEntering else { return }
        isEntering = true
        host.eventLoop.assumeIsolated().execute {
            self.isEntering = false
            self.enterLogs()
        }
    }

    private func enterLogs() {
        for replica in host.replicas {
            replica.mail.enterLog()
        }
    }
}
