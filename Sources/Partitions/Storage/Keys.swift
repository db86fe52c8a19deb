internal import Model

/// The kinds of keys under a partition's prefix. The numbers are part of the storage format.
enum KeyKind: UInt8 {
    case meta = 1
    case user = 2
    case name = 3
    case following = 4
    case followingByTime = 5
    case followerByTime = 7
    case localFollower = 8
    case presence = 9
    case subscribers = 10
    case tweet = 11
    case tweetByAuthor = 12
    case reply = 13
    case authorList = 14
    case homeList = 15
    case homeHeader = 16
    case pullState = 17
    case outbox = 18
    case outboxStream = 19
    case inbox = 20
    case idempotency = 21
    case idempotencyByTime = 22
    case deletion = 23
    case drainedIndex = 24
    case arrivals = 25

    /// What the kind's keys are kept beside: all that one command changes of a user is close together, in memory and
    /// in files. Finding the place of a key costs more than writing it.
    var family: KeyKind {
        switch self {
        case .following, .followingByTime, .followerByTime, .subscribers, .tweetByAuthor: .user
        case .localFollower: .presence
        default: self
        }
    }
}

/// Builds a partition's keys: 2 bytes of partition, 1 of family, then the parts, integers big-endian so that they sort;
/// behind the first part, 1 byte of kind where the kind is not its family's first.
struct Keys {
    private let prefix: [UInt8]

    init(partition: PartitionID) {
        prefix = [UInt8(partition.rawValue >> 8), UInt8(truncatingIfNeeded: partition.rawValue)]
    }

    /// What all keys of a partition begin with.
    static func all(of partition: PartitionID) -> [UInt8] { Keys(partition: partition).prefix }

    /// Whether a key belongs to what `HomeLists` stores.
    static func isOfHomeLists(_ key: [UInt8]) -> Bool {
        guard key.count > 2, let family = KeyKind(rawValue: key[2]) else { return false }
        return family == .homeList || family == .homeHeader || family == .drainedIndex
    }

    /// - Parameter kind: the first of its family, whose keys all begin so.
    func of(_ kind: KeyKind) -> [UInt8] {
        [prefix[0], prefix[1], kind.family.rawValue]
    }

    func of(_ kind: KeyKind, _ first: UInt64) -> [UInt8] {
        var key = [UInt8]()
        key.reserveCapacity(11)
        append(kind, first, to: &key)
        return key
    }

    func of(_ kind: KeyKind, _ first: UInt64, _ second: UInt64) -> [UInt8] {
        var key = [UInt8]()
        key.reserveCapacity(20)
        append(kind, first, to: &key)
        Keys.append(second, to: &key)
        return key
    }

    func of(_ kind: KeyKind, _ first: UInt64, _ second: UInt64, _ third: UInt64) -> [UInt8] {
        var key = [UInt8]()
        key.reserveCapacity(28)
        append(kind, first, to: &key)
        Keys.append(second, to: &key)
        Keys.append(third, to: &key)
        return key
    }

    func of(_ kind: KeyKind, _ bytes: some Sequence<UInt8>) -> [UInt8] {
        of(kind) + bytes
    }

    private func append(_ kind: KeyKind, _ first: UInt64, to key: inout [UInt8]) {
        key.append(prefix[0])
        key.append(prefix[1])
        key.append(kind.family.rawValue)
        Keys.append(first, to: &key)
        if kind.family != kind { key.append(kind.rawValue) }
    }

    private static func append(_ value: UInt64, to key: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { key.append(contentsOf: $0) }
    }

    /// The first part of a key.
    static func firstInteger(_ key: [UInt8]) throws(PartitionFailure) -> UInt64 {
        try integer(Array(key.prefix(11)))
    }

    /// The integer that the last 8 bytes of a key spell, `offset` integers before the end.
    static func integer(_ key: [UInt8], fromEnd offset: Int = 0) throws(PartitionFailure) -> UInt64 {
        let end = key.count - 8 * offset
        guard end >= 11, end <= key.count else { throw .damaged("key of \(key.count) bytes") }
        return key[(end - 8)..<end].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
