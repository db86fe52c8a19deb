internal import Messages
internal import Model
internal import Placement
internal import Replication

/// A packet between simulated processes.
enum Packet {
    case beacon(Beacon)
    case beaconReply(BeaconReply)
    case replica(PartitionID, ReplicaMessage)
    case snapshot(PartitionID, SimulatedMachine, configuration: PartitionMap.Configuration)
    case coordinator(CoordinatorRequest)
    case map(PartitionMap)
    /// The coordinator has taken a beat.
    case beaten
    /// A request to the coordinator of a node that does not reach it, and the answer, through another one.
    case relay(CoordinatorRequest, for: NodeID, run: UInt64)
    case relayed(PartitionMap, for: NodeID, run: UInt64)
    case request(ClientRequest)
    case answer(ClientAnswer)
    /// Letters to a partition, and the answer: how far it has taken their sources' mail.
    case mail(PartitionID, [Letter], number: UInt64)
    case mailTaken(PartitionID, [MailReceipt], number: UInt64)
    case transfer(PartitionID, to: NodeID)
    case exclude(PartitionID, NodeID)
}
