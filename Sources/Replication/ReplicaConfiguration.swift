internal import Model
internal import Placement

extension PartitionMap.Configuration {
    /// The next configuration, with these replicas, the first being the primary.
    func next(_ replicas: [NodeID]) -> PartitionMap.Configuration {
        PartitionMap.Configuration(
            epoch: epoch + 1,
            primary: replicas.first,
            secondaries: Array(replicas.dropFirst())
        )
    }
}
