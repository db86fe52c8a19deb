import Messages
import Model

extension NodeHealth {
    /// What an idle node says.
    static let well = NodeHealth(isReady: true, problem: "")
    static let unwell = NodeHealth(isReady: false, problem: "disk")

    /// Of a node that has lost entries of some partitions.
    static func well(butLost partitions: Set<PartitionID>) -> NodeHealth {
        NodeHealth(isReady: true, problem: "", lostPartitions: partitions)
    }

    /// Of a node where some partitions have stopped.
    static func well(butStopped partitions: Set<PartitionID>) -> NodeHealth {
        NodeHealth(isReady: true, problem: "", stoppedPartitions: partitions)
    }

    private init(
        isReady: Bool,
        problem: String,
        lostPartitions: Set<PartitionID> = [],
        stoppedPartitions: Set<PartitionID> = []
    ) {
        self.init(
            isReady: isReady,
            problem: problem,
            durability: "always",
            partitions: 0,
            logBytes: 0,
            waitingLetters: 0,
            unappliedEntries: 0,
            lostPartitions: lostPartitions,
            stoppedPartitions: stoppedPartitions
        )
    }
}
