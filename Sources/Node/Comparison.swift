internal import ClusterLinks
internal import Logging
internal import Messages
internal import Model
internal import NIOCore
internal import Partitions
internal import Placement
internal import Replication

/// Compares the replicas of a partition: all that have applied the same entries must have the same checksum. A difference is
/// an alarm: a disk or a program has changed what it should not have. One that differs from all others is rebuilt; where that is the
/// primary, it hands over first, and the next one finds it.
///
/// Confined to its host's event loop.
final class Comparison {
    private static let patience = TimeAmount.seconds(5)

    private struct Question {
        let index: LogIndex
        let answer: (UInt64?) -> Void
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
        let (nodes, index, checksum) = (
            replica.state.configuration.secondaries, partition.appliedIndex, partition.checksum
        )
        guard !nodes.isEmpty else { return }
        let request = NodeRequest.checksum(partition.id, index: index)
        let answers = Gathering<UInt64?>(count: nodes.count) { answers in
            self.judge(checksum, zip(nodes, answers).map { (node: $0, checksum: $1) }, at: index)
        }
        for (position, node) in nodes.enumerated() {
            host.ask(node, request, deadline: .now() + Comparison.patience) { result in
                guard case .success(.checksum(let checksum)) = result else { return answers.set(nil, at: position) }
                answers.set(checksum, at: position)
            }
        }
    }

    private func judge(_ checksum: UInt64, _ answers: [(node: NodeID, checksum: UInt64?)], at index: LogIndex) {
        agreements += answers.count { $0.checksum == checksum }
        switch ChecksumVerdict(primary: checksum, secondaries: answers) {
        case .same: break
        case .secondaryIsOdd(let node):
            note([node], at: index, isRebuilt: true)
            replica.handle(.rebuild(node))
        case .primaryIsOdd(let successor):
            note([host.node], at: index, isRebuilt: true)
            replica.handle(.transfer(to: successor))
        case .undecided(let nodes): note(nodes, at: index, isRebuilt: false)
        }
    }

    private func note(_ odd: [NodeID], at index: LogIndex, isRebuilt: Bool) {
        differences += odd.count
        for node in odd {
            host.replicaDiffers(in: replica.partition.id, at: node, index: index, isRebuilt: isRebuilt)
        }
    }

    /// Answers a primary, at once or when the entry is applied here.
    func take(index: LogIndex, answer: @escaping (UInt64?) -> Void) {
        question?.answer(nil)
        question = Question(index: index, answer: answer)
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
        asked.answer(replica.partition.appliedIndex == asked.index ? replica.partition.checksum : nil)
    }
}

extension PartitionHost {
    /// Answers what a replica of this loop has come to behind an entry.
    func checksum(of partition: PartitionID, at index: LogIndex, reply: @escaping (NodeReply) -> Void) {
        guard let replica = replica(of: partition), !replica.isInstalling else { return reply(.checksum(nil)) }
        replica.comparison.take(index: index) { reply(.checksum($0)) }
    }
}
