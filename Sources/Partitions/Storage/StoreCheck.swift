package import Model
package import Store

/// What a database was found to hold of a partition.
package struct StoredPartition: Sendable {
    /// The last applied entry, and its epoch.
    package fileprivate(set) var appliedIndex: LogIndex = 0
    package fileprivate(set) var lastEpoch: UInt64 = 0
    package fileprivate(set) var checksum: UInt64 = 0
    package fileprivate(set) var users = 0
    package fileprivate(set) var tweets = 0
    package fileprivate(set) var records = 0

    package init() {}
}

/// Looks at every record of a database that no process has open: whether it can be read and understood.
package enum StoreCheck {
    /// - Parameters:
    ///   - database: opened for reading.
    ///   - layout: of the cluster that the data belongs to.
    ///   - report: is given what is wrong, in words.
    /// - Throws: where a block of a file is damaged: what lies behind it cannot be found.
    package static func run(
        _ database: Database,
        layout: PartitionLayout,
        report: (String) -> Void
    ) throws(StoreError) -> [PartitionID: StoredPartition] {
        var found: [PartitionID: StoredPartition] = [:]
        var iterator = database.scan(prefix: [])
        while let (key, value) = try iterator.next() {
            if let problem = problem(key, value, layout: layout, &found) { report(problem) }
        }
        return found
    }

    /// - Parameter found: takes up what the record says of its partition.
    /// - Returns: what is wrong with a record, if anything.
    package static func problem(
        _ key: [UInt8],
        _ value: [UInt8],
        layout: PartitionLayout,
        _ found: inout [PartitionID: StoredPartition]
    ) -> String? {
        guard key.count > 2, let family = KeyKind(rawValue: key[2]) else {
            return "key \(hexadecimal(key)) is of no kind"
        }
        let partition = PartitionID(UInt16(key[0]) << 8 | UInt16(key[1]))
        guard partition.rawValue < layout.count else {
            return "key \(hexadecimal(key)) is of partition \(partition), and there are \(layout.count)"
        }
        var one = found[partition] ?? StoredPartition()
        defer { found[partition] = one }
        do throws(BinaryDecodingError) {
            try check(key, family, value, &one)
        } catch {
            return "partition \(partition), \(family) \(hexadecimal(key)): \(error)"
        }
        return nil
    }

    private static func hexadecimal(_ key: [UInt8]) -> String {
        key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The kind of a key: behind the first part, unless it is its family's first.
    private static func kind(of key: [UInt8], _ family: KeyKind) throws(BinaryDecodingError) -> KeyKind {
        guard family == .user || family == .presence, key.count > 11 else { return family }
        guard let kind = KeyKind(rawValue: key[11]), kind.family == family else {
            throw .invalid("no key of this family has kind \(key[11])")
        }
        return kind
    }

    private static func check(
        _ key: [UInt8],
        _ family: KeyKind,
        _ value: [UInt8],
        _ found: inout StoredPartition
    ) throws(BinaryDecodingError) {
        found.records += 1
        switch try record(key, family, value) {
        case let meta as PartitionMeta:
            found.appliedIndex = meta.appliedIndex
            found.lastEpoch = meta.lastEpoch
            found.checksum = meta.checksum
        case let user as UserRecord where !user.isDeleted: found.users += 1
        case let tweet as TweetRecord where !tweet.isDeleted: found.tweets += 1
        default: break
        }
    }

    /// The bytes of a record as they would be written now.
    ///
    /// - Throws: where it cannot be read.
    package static func rewritten(_ key: [UInt8], _ value: [UInt8]) throws(BinaryDecodingError) -> [UInt8] {
        guard key.count > 2, let family = KeyKind(rawValue: key[2]) else { throw .invalid("a key of no kind") }
        return try record(key, family, value)?.encoded() ?? []
    }

    /// - Returns: nil where the key says everything.
    private static func record(
        _ key: [UInt8],
        _ family: KeyKind,
        _ value: [UInt8]
    ) throws(BinaryDecodingError) -> (any BinaryCodable)? {
        switch try kind(of: key, family) {
        case .meta: try PartitionMeta(decoding: value)
        case .user: try UserRecord(decoding: value)
        case .tweet: try TweetRecord(decoding: value)
        case .name: try NameRecord(decoding: value)
        case .following: try EdgeRecord(decoding: value)
        case .presence: try AuthorPresence(decoding: value)
        case .subscribers: try SubscriberSet(decoding: value)
        case .authorList, .homeList: try SortedList(decoding: value)
        case .homeHeader: try StoredHeader(decoding: value)
        case .drainedIndex: try StoredIndex(decoding: value)
        case .arrivals: try StoredArrivals(decoding: value)
        case .outbox: try OutboxRecord(decoding: value)
        case .outboxStream: try MailReceipt(decoding: value)
        case .inbox: try InboxPage(decoding: value)
        case .idempotency: try IdempotencyRecord(decoding: value)
        case .reply where key.count == 11: try ReplyCount(decoding: value)
        case .reply, .followingByTime, .followerByTime, .localFollower, .tweetByAuthor, .pullState, .idempotencyByTime,
            .deletion:
            try nothing(value)
        }
    }

    private static func nothing(_ value: [UInt8]) throws(BinaryDecodingError) -> (any BinaryCodable)? {
        guard value.isEmpty else { throw .invalid("\(value.count) bytes where there are none") }
        return nil
    }
}
