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
            enterLogs(in: .zero)
        } else if !isScheduled {
            isScheduled = true
            enterLogs(in: MailGathering.longest)
        }
    }

    /// Not at once in any case: a request has letters for several partitions.
    private func enterLogs(in time: TimeAmount) {
        host.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.isScheduled = false
            for replica in self.host.replicas {
                replica.mail.enterLog()
            }
        }
    }
}
