internal import ClusterLinks
internal import Messages
internal import Model
internal import NIOCore
internal import Placement

/// Asks whichever nodes serve partitions, for what commands must know of them. Confined to its host's event loop.
final class PeerQueries {
    private unowned let host: PartitionHost

    init(host: PartitionHost) {
        self.host = host
    }

    /// Asks whichever nodes serve partitions, each once; `completion` is called at once where all are this loop's.
    func ask(
        _ queries: [PartitionQuery],
        deadline: NIODeadline,
        _ completion: @escaping (References.Results) -> Void
    ) {
        guard !queries.isEmpty else { return completion([]) }
        let gathering = Gathering(count: queries.count, completion: completion)
        var byNode: [NodeID: [Int]] = [:]
        for (index, query) in queries.enumerated() {
            if host.serves(query.partition) {
                host.read(query) { gathering.set($0, at: index) }
            } else if let node = host.map.primary(of: query.partition) {
                byNode[node, default: []].append(index)
            } else {
                gathering.set(PeerQueries.noAnswer(of: query.partition), at: index)
            }
        }
        for (node, indexes) in byNode {
            host.ask(node, .query(indexes.map { queries[$0] }), deadline: deadline) { result in
                var found: References.Results = []
                if case .success(.queried(let results)) = result { found = results }
                for (position, index) in indexes.enumerated() {
                    let answer = position < found.count ? found[position] : nil
                    gathering.set(answer ?? PeerQueries.noAnswer(of: queries[index].partition), at: index)
                }
            }
        }
    }

    private static func noAnswer(of partition: PartitionID) -> Result<Answer, Refusal> {
        .failure(.unavailable("partition \(partition) does not answer"))
    }
}
