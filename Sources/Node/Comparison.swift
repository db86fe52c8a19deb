internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Partitions
internal import Placement
internal import Replication

/// Compares the replicas of a partition: all that have applied the same entries must have the same checksum. A difference is
/// an alarm: a disk or a program has changed what it should not have.
///
/// Confined to its host's event loop.
final class Comparison {
    private static let patience = TimeAmount.seconds(5)

    private struct Question {
        let index: LogIndex
        let checksum: UInt64
        let answer: (Bool?) -> Void
    }

    private unowned let replica: Replica
    private let host: PartitionHost
    /// What the primary has asked about an entry that is not applied here yet.
    private var question: Question?
    /// How often another replica had the same, and had not.
    private(set) var agreements = 0
    private(set) var differences = 0

    init(replica: Replica, host: PartitionHost) {
        self.replica = replica
        self.host = host
    }

    /// Asks the secondaries of a primary. To be called now and then.
    func begin() {
        guard replica.isServing, replica.failure == nil, !replica.isStalled else { return }
        let partition = replica.partition
        for node in replica.state.configuration.secondaries {
            let request = NodeRequest.compare(partition.id, index: partition.appliedIndex, checksum: partition.checksum)
            let index = partition.appliedIndex
            host.ask(node, request, deadline: .now() + Comparison.patience) { result in
                guard case .success(.compared(let agrees?)) = result else { return }
                self.agreements += agrees ? 1 : 0
                self.differences += agrees ? 0 : 1
                self.host.replicasAgree(agrees, in: partition.id, with: node, at: index)
            }
        }
    }

    /// Answers a primary, at once or when the entry is applied here.
    func take(index: LogIndex, checksum: UInt64, answer: @escaping (Bool?) -> Void) {
        question?.answer(nil)
        question = Question(index: index, checksum: checksum, answer: answer)
        noteApplied()
    }

    /// The replica has stopped: nobody here can tell.
    func giveUp() {
        question?.answer(nil)
        question = nil
    }

    /// To be called behind every entry that was applied.
    func noteApplied() {
        guard let asked = question, replica.partition.appliedIndex >= asked.index else { return }
        question = nil
        guard replica.partition.appliedIndex == asked.index else { return asked.answer(nil) }
        asked.answer(replica.partition.checksum == asked.checksum)
    }
}
