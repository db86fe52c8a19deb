internal import ClusterLinks
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Partitions
internal import Placement
internal import Replication

/// Compares the replicas of a partition: all that have applied the same entries must have the same checksum. A difference is
/// an alarm: a disk or a program has changed what it should not have. One that differs from all others is rebuilt.
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
        guard replica.isServing, replica.failure == nil, !replica.applier.isStalled else { return }
        let partition = replica.partition
        let (nodes, index) = (replica.state.configuration.secondaries, partition.appliedIndex)
        guard !nodes.isEmpty else { return }
        let request = NodeRequest.compare(partition.id, index: index, checksum: partition.checksum)
        let answers = Gathering<Bool?>(count: nodes.count) { answers in
            self.judge(zip(nodes, answers).map { (node: $0, agrees: $1) }, at: index)
        }
        for (position, node) in nodes.enumerated() {
            host.ask(node, request, deadline: .now() + Comparison.patience) { result in
                guard case .success(.compared(let agrees)) = result else { return answers.set(nil, at: position) }
                answers.set(agrees, at: position)
            }
        }
    }

    /// One that differs where others agree is rebuilt. Where nobody agrees, or nobody else was heard, nobody knows which is wrong.
    private func judge(_ answers: [(node: NodeID, agrees: Bool?)], at index: LogIndex) {
        let odd = answers.filter { $0.agrees == false }.map(\.node)
        let agreeing = answers.count { $0.agrees == true }
        agreements += agreeing
        differences += odd.count
        let isRebuilt = odd.count == 1 && agreeing > 0
        for node in odd {
            host.replicaDiffers(in: replica.partition.id, at: node, index: index, isRebuilt: isRebuilt)
        }
        if isRebuilt, let node = odd.first { replica.handle(.rebuild(node)) }
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
