package import Messages
package import Model
package import Wire

/// Items of several partitions: asked of each partition together, answered in the order of the items.
package struct Scatter<Item> {
    private let count: Int
    private let groups: [(partition: PartitionID, items: [(position: Int, item: Item)])]
    private let unplaced: [Int]

    /// - Parameter partition: where an item is; nil where it can be nowhere.
    package init(_ items: [Item], partition: (Item) -> PartitionID?) {
        count = items.count
        var byPartition: [PartitionID: [(position: Int, item: Item)]] = [:]
        var unplaced: [Int] = []
        for (position, item) in items.enumerated() {
            if let partition = partition(item) {
                byPartition[partition, default: []].append((position, item))
            } else {
                unplaced.append(position)
            }
        }
        groups = byPartition.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        self.unplaced = unplaced
    }

    package func queries(_ query: ([Item]) -> Query) -> [PartitionQuery] {
        groups.map { PartitionQuery(partition: $0.partition, query: query($0.items.map(\.item))) }
    }

    /// Puts the answers in the items' places: null where an item can be nowhere, an error where its partition does
    /// not answer, or where nobody who has answered can say that it is gone.
    ///
    /// - Parameter values: the replies in an answer; nil where it is of another kind.
    package func gather(_ results: [PartResult], _ values: (Answer) -> [RESPValue]?) -> [RESPValue] {
        var replies = [RESPValue](repeating: .null, count: count)
        for (group, part) in zip(groups, results) {
            let found: [RESPValue]?
            let refusal: Refusal
            switch part.result {
            case .success(let answer):
                found = values(answer)
                refusal = Plan.strangeAnswer
            case .failure(let reason):
                found = nil
                refusal = reason
            }
            for (index, (position, _)) in group.items.enumerated() {
                if let found, index < found.count {
                    let doubt = found[index] == .null ? part.doubt : nil
                    replies[position] = doubt.map { Replies.error($0) } ?? found[index]
                } else {
                    replies[position] = Replies.error(refusal)
                }
            }
        }
        return replies
    }
}
