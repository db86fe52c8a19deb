internal import Model
internal import Partitions

/// Records of a node's store, as `rookery-node --verify` looks at them, with the decoders that partitions use.
enum Records {
    private static let longestKey = 32

    /// The first byte is the key's length; the value follows.
    static func feed(_ input: [UInt8]) throws(Finding) {
        guard let length = input.first.map({ Int($0) % longestKey }), let layout = PartitionLayout(count: 16) else {
            return
        }
        let key = Array(input.dropFirst().prefix(length))
        let value = Array(input.dropFirst(1 + length))
        var found: [PartitionID: StoredPartition] = [:]
        let problem = StoreCheck.problem(key, value, layout: layout, &found)
        try Finding.unless(problem?.isEmpty != true, "a problem without words")
        try Finding.unless(problem != nil || found.count == 1, "a record of no partition")
        guard let first = try? StoreCheck.rewritten(key, value) else { return }
        let second = try? StoreCheck.rewritten(key, first)
        try Finding.unless(first == second, "\(first) came back as \(String(describing: second))")
    }
}
