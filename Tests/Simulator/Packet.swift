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
    case transfer(PartitionID, to: NodeID)
}
