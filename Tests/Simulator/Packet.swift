internal import Messages
internal import Model
internal import Placement
internal import Replication

/// A packet between simulated processes.
enum Packet {
    case beacon(Beacon)
    case beaconReply(BeaconReply)
    case replica(PartitionID, ReplicaMessage)
    case snapshot(PartitionID, RegisterMachine, configuration: PartitionMap.Configuration)
    case coordinator(CoordinatorRequest)
    case map(PartitionMap)
    case request(RegisterRequest)
    case answer(RegisterAnswer)
    /// Letters to a partition, and the answer: how far it has taken their sources' mail.
    case mail(PartitionID, [Letter], number: UInt64)
    case mailTaken(PartitionID, [MailReceipt], number: UInt64)
    case transfer(PartitionID, to: NodeID)
}
