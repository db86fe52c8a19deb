/// What is to be written, taken in any order and written in the order of the keys: a memtable finds most places right
/// behind the last one then, in memory that it has just read. Changes of one key keep their order.
package struct KeyedChanges {
    package enum Effect: Sendable {
        case put
        /// Joins the value, an operand, with what is stored.
        case merge
        case delete
        /// As `WriteBatch.deleteOnce`.
        case deleteOnce
    }

    private struct Change {
        let effect: Effect
        let key: [UInt8]
        let value: [UInt8]
    }

    /// Where a change stands: by its key's first bytes, which tell nearly all keys apart.
    private struct Rank {
        let first: UInt64
        let second: UInt64
        let third: UInt64
        let index: Int
    }

    private var changes: [Change] = []

    package init() {}

    package mutating func append(_ effect: Effect, _ key: [UInt8], _ value: [UInt8] = []) {
        changes.append(Change(effect: effect, key: key, value: value))
    }

    /// Hands everything over.
    package mutating func move(to batch: WriteBatch) {
        for rank in ranks() {
            let change = changes[rank.index]
            switch change.effect {
            case .put: batch.put(change.key, change.value)
            case .merge: batch.merge(change.key, change.value)
            case .delete: batch.delete(change.key)
            case .deleteOnce: batch.deleteOnce(change.key)
            }
        }
        changes.removeAll(keepingCapacity: true)
    }

    private func ranks() -> [Rank] {
        var ranks = changes.indices.map { index in
            changes[index].key.withUnsafeBytes { key in
                Rank(
                    first: KeyedChanges.word(of: key, at: 0),
                    second: KeyedChanges.word(of: key, at: 8),
                    third: KeyedChanges.word(of: key, at: 16),
                    index: index
                )
            }
        }
        ranks.sort { left, right in
            if left.first != right.first { return left.first < right.first }
            if left.second != right.second { return left.second < right.second }
            if left.third != right.third { return left.third < right.third }
            let (leftKey, rightKey) = (changes[left.index].key, changes[right.index].key)
            return leftKey == rightKey ? left.index < right.index : leftKey.lexicographicallyPrecedes(rightKey)
        }
        return ranks
    }

    /// Eight bytes as they sort; zeros behind the end.
    private static func word(of key: UnsafeRawBufferPointer, at start: Int) -> UInt64 {
        if key.count >= start + 8 {
            return UInt64(bigEndian: key.loadUnaligned(fromByteOffset: start, as: UInt64.self))
        }
        return (start..<start + 8).reduce(0) { $0 << 8 | ($1 < key.count ? UInt64(key[$1]) : 0) }
    }
}
