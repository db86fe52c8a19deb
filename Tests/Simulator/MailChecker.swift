internal import Model

/// Whether every letter arrives exactly once and in order: what a partition takes of another's mail is at all times the
/// beginning of what that one has written to it, and in the end all of it.
struct MailChecker {
    private struct Stream: Hashable, Comparable {
        let source: PartitionID
        let destination: PartitionID

        static func < (left: Stream, right: Stream) -> Bool {
            (left.source, left.destination) < (right.source, right.destination)
        }
    }

    private var written: [Stream: [UInt64]] = [:]
    private var arrivedCounts: [Stream: Int] = [:]
    private var lastTaken: [Stream: UInt64] = [:]
    private(set) var violation: String?

    /// What an entry did, when the first replica has applied it.
    mutating func note(_ effects: SimulatedMachine.Effects, of partition: PartitionID) {
        if let (value, destinations) = effects.written {
            for destination in destinations {
                written[Stream(source: partition, destination: destination), default: []].append(value)
            }
        }
        for (source, sequence, value) in effects.arrived {
            let stream = Stream(source: source, destination: partition)
            let count = arrivedCounts[stream, default: 0]
            let next = written[stream]?.dropFirst(count).first
            if next != value, violation == nil {
                let expected = next.map { "\($0)" } ?? "nothing"
                violation =
                    "mail from partition \(source) to \(partition): \(value) was taken where \(expected) was next"
            }
            arrivedCounts[stream] = count + 1
            lastTaken[stream] = sequence
        }
    }

    /// Whether what a receipt says has been committed by its destination.
    func isTaken(_ receipt: MailReceipt, by destination: PartitionID) -> Bool {
        receipt.sequence <= lastTaken[Stream(source: receipt.partition, destination: destination)] ?? 0
    }

    /// A stream of which not everything has arrived.
    var undelivered: String? {
        for (stream, values) in written.sorted(by: { $0.key < $1.key }) {
            let arrived = arrivedCounts[stream] ?? 0
            guard arrived < values.count else { continue }
            return
                "of \(values.count) letters from partition \(stream.source) to \(stream.destination) \(arrived) arrived"
        }
        return nil
    }
}
