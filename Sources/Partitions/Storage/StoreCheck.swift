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
        switch try kind(of: key, family) {
        case .meta:
            let meta = try PartitionMeta(decoding: value)
            found.appliedIndex = meta.appliedIndex
            found.lastEpoch = meta.lastEpoch
            found.checksum = meta.checksum
        case .user:
            if try !UserRecord(decoding: value).isDeleted { found.users += 1 }
        case .tweet:
            if try !TweetRecord(decoding: value).isDeleted { found.tweets += 1 }
        case .name: _ = try NameRecord(decoding: value)
        case .following: _ = try EdgeRecord(decoding: value)
        case .presence: _ = try AuthorPresence(decoding: value)
        case .subscribers: _ = try SubscriberSet(decoding: value)
        case .authorList, .homeList: _ = try SortedList(decoding: value)
        case .homeHeader: _ = try StoredHeader(decoding: value)
        case .drainedIndex: _ = try StoredIndex(decoding: value)
        case .arrivals: _ = try StoredArrivals(decoding: value)
        case .outbox: _ = try OutboxRecord(decoding: value)
        case .outboxStream: _ = try MailReceipt(decoding: value)
        case .inbox: _ = try InboxPage(decoding: value)
        case .idempotency: _ = try IdempotencyRecord(decoding: value)
        case .reply where key.count == 11: _ = try ReplyCount(decoding: value)
        case .reply, .followingByTime, .followerByTime, .localFollower, .tweetByAuthor, .pullState, .idempotencyByTime,
            .deletion:
            guard value.isEmpty else { throw .invalid("\(value.count) bytes where there are none") }
        }
    }
}
