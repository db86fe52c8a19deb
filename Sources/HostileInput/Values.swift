internal import Messages
internal import Model
internal import Placement
internal import Replication

/// Decoders of single values: what they accept must come back when it is written and read again.
enum Values {
    static func logEntries(_ input: [UInt8]) throws(Finding) {
        try comesBack(LogEntry.self, input)
        try comesBack(Command.self, input)
        try comesBack(Letter.self, input)
        try comesBack(MailMessage.self, input)
        guard let command = try? Command(decoding: input), let layout = PartitionLayout(count: 16) else { return }
        let isCounted = command.actor.map { Int($0.partition(in: layout).rawValue) < layout.count } ?? true
        try Finding.unless(isCounted, "\(command) belongs to no partition")
        try Finding.unless(command.key == nil || command.actor != nil, "\(command) has a key and no actor")
        _ = command.mintsID
    }

    static func messages(_ input: [UInt8]) throws(Finding) {
        guard let kind = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch kind % 6 {
        case 0: try comesBack(NodeRequest.self, bytes)
        case 1: try comesBack(NodeReply.self, bytes)
        case 2: try comesBack(CoordinatorRequest.self, bytes)
        case 3: try comesBack(CoordinatorReply.self, bytes)
        case 4:
            try comesBack(PartitionMap.self, bytes)
            if let map = try? PartitionMap(decoding: bytes) { try ask(map) }
        default: try comesBack(Query.self, bytes)
        }
    }

    static func replication(_ input: [UInt8]) throws(Finding) {
        guard let kind = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch kind % 3 {
        case 0: try comesBack(ReplicaMessage.self, bytes)
        case 1: try comesBack(Beacon.self, bytes)
        default: try comesBack(BeaconReply.self, bytes)
        }
    }

    private static func ask(_ map: PartitionMap) throws(Finding) {
        for partition in [PartitionID(0), PartitionID(1_023)] {
            guard let primary = map.primary(of: partition) else { continue }
            try Finding.unless(map.partitions(of: primary).contains(partition), "\(partition) is not its primary's")
            _ = map.member(primary)
            try Finding.unless(map.largestShare(of: primary) >= 1, "\(primary) has a partition and no share")
        }
        let isItself = map.joined(with: map) == map && map.deposed(by: map).isEmpty && !map.hasLaterEpoch(than: map)
        try Finding.unless(isItself, "a map differs from itself")
        for configuration in map.configurations.prefix(2) where configuration.epoch < .max {
            let next = configuration.next(configuration.replicas)
            try Finding.unless(
                next.epoch > configuration.epoch && next.replicas == configuration.replicas,
                "no next epoch"
            )
            _ = configuration.isComplete(without: NodeID(1), factor: map.replicationFactor)
        }
    }

    private static func comesBack<Value: BinaryCodable & Equatable>(
        _ type: Value.Type,
        _ bytes: [UInt8]
    ) throws(Finding) {
        guard let value = try? Value(decoding: bytes) else { return }
        let again = try? Value(decoding: value.encoded())
        try Finding.unless(again == value, "\(value) came back as \(String(describing: again))")
    }

    /// Stored lists in a row: each a length byte and so many bytes, or, with the length 255, so many entries of which
    /// the input gives only ids.
    static func lists(_ input: [UInt8]) throws(Finding) {
        let stored = split(input)
        for bytes in stored {
            try comesBack(SortedList.self, bytes)
            try readInPlace(bytes)
        }
        guard let last = stored.last else { return }
        for existing in [nil, last] {
            try merge(existing: existing, operands: Array(stored.dropLast()))
        }
    }

    private static func split(_ input: [UInt8]) -> [[UInt8]] {
        var lists: [[UInt8]] = []
        var rest = input[...]
        while let length = rest.popFirst(), lists.count < 16 {
            if length == 255 {
                let cap = max(1, Int(rest.popFirst() ?? 1))
                let ids = rest.prefix(12)
                rest = rest.dropFirst(12)
                let entries = ids.map { ListEntry(tweet: TweetID(UInt64($0)), replyTo: nil, arrival: LogIndex($0)) }
                lists.append(SortedList(cap: cap, entries: entries).stored())
            } else {
                lists.append(Array(rest.prefix(Int(length))))
                rest = rest.dropFirst(Int(length))
            }
        }
        return lists
    }

    private static func readInPlace(_ bytes: [UInt8]) throws(Finding) {
        guard let packed = try? PackedList(stored: bytes) else { return }
        try Finding.unless(packed.count * ListEntry.storedSize <= bytes.count, "a list longer than its bytes")
        for index in -1...packed.count {
            let isInside = (0..<packed.count).contains(index)
            try Finding.unless((packed.entry(at: index) != nil) == isInside, "an entry outside of its list")
        }
        let middle = packed.entry(at: packed.count / 2)?.tweet ?? TweetID(0)
        try Finding.unless((0...packed.count).contains(packed.firstIndex(below: middle)), "an index outside")
        _ = packed.floor
    }

    /// Joining operands in any order makes the same list.
    private static func merge(existing: [UInt8]?, operands: [[UInt8]]) throws(Finding) {
        guard !operands.isEmpty, let forward = merged(existing, operands),
            let backward = merged(existing, operands.reversed())
        else { return }
        try Finding.unless(forward == backward, "the order of operands makes a difference")
        try Finding.unless((try? PackedList(stored: forward)) != nil, "a merged list is not legible")
    }

    private static func merged(_ existing: [UInt8]?, _ operands: [[UInt8]]) -> [UInt8]? {
        func withOperands(
            _ rest: ArraySlice<[UInt8]>,
            _ found: [UnsafeRawBufferPointer],
            _ base: UnsafeRawBufferPointer?
        ) -> [UInt8]? {
            guard let next = rest.first else { return try? SortedListMerge.merge(existing: base, operands: found) }
            return next.withUnsafeBytes { withOperands(rest.dropFirst(), found + [$0], base) }
        }
        guard let existing else { return withOperands(operands[...], [], nil) }
        return existing.withUnsafeBytes { withOperands(operands[...], [], $0) }
    }
}
