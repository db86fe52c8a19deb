internal import Model
internal import Store

/// Everything that a partition has, page by page, for a copy elsewhere.
extension Partition {
    /// Deleted users and tweets are not in it. A page looks at so many records as it may have items, so that it ends soon:
    /// it may have fewer items, or none, and yet not be the last one.
    func dump(_ query: DumpQuery) throws(PartitionFailure) -> Answer {
        switch query.kind {
        case .users: .dump(try dumpUsers(query))
        case .follows: .dump(try dumpFollows(query))
        case .tweets: .dump(try dumpTweets(query))
        }
    }

    /// A user's record is the first of what is kept beside it: the rest is leapt over.
    private func dumpUsers(_ query: DumpQuery) throws(PartitionFailure) -> Page<DumpItem, DumpPosition> {
        var items: [DumpItem] = []
        var last: DumpPosition?
        var iterator = database.scan(prefix: keys.of(.user))
        if let after = query.after { iterator.seek(to: keys.of(.user, after.first + 1)) }
        for _ in 0..<query.count {
            guard let (key, value) = try iterator.nextPair() else { return Page(items: items, next: nil) }
            let id = try Keys.firstInteger(key)
            if key.count == keys.of(.user, id).count {
                let record: UserRecord = try decode(value)
                if !record.isDeleted { items.append(.user(record.view(UserID(id)))) }
            }
            last = DumpPosition(first: id, second: nil)
            iterator.seek(to: keys.of(.user, id + 1))
        }
        return Page(items: items, next: last)
    }

    /// A user's edges stand together, in front of all else but the record.
    private func dumpFollows(_ query: DumpQuery) throws(PartitionFailure) -> Page<DumpItem, DumpPosition> {
        var items: [DumpItem] = []
        var last: DumpPosition?
        var iterator = database.scan(prefix: keys.of(.user))
        if let after = query.after {
            // Without a second id the page before ended in front of the user's edges, that to user 0 among them.
            switch after.second {
            case nil: iterator.seek(to: keys.of(.following, after.first))
            case UserID.largestRawValue: iterator.seek(to: keys.of(.user, after.first + 1))
            case let author?: iterator.seek(to: keys.of(.following, after.first, author) + [0])
            }
        }
        for _ in 0..<query.count {
            guard let (key, value) = try iterator.nextPair() else { return Page(items: items, next: nil) }
            let follower = try Keys.firstInteger(key)
            let edges = keys.of(.following, follower)
            if key.starts(with: edges) {
                let edge: EdgeRecord = try decode(value)
                let author = UserID(try Keys.integer(key))
                if try hasNotLeft(author) {
                    items.append(.follow(follower: UserID(follower), author: author, since: edge.time))
                }
                last = DumpPosition(first: follower, second: author.rawValue)
            } else if key.count < edges.count {
                let record: UserRecord = try decode(value)
                last = DumpPosition(first: follower, second: record.isDeleted ? UserID.largestRawValue : nil)
                iterator.seek(to: record.isDeleted ? keys.of(.user, follower + 1) : edges)
            } else {
                last = DumpPosition(first: follower, second: UserID.largestRawValue)
                iterator.seek(to: keys.of(.user, follower + 1))
            }
        }
        return Page(items: items, next: last)
    }

    /// False for a user of this partition who is deleted: their followers' edges go later, in slices.
    private func hasNotLeft(_ author: UserID) throws(PartitionFailure) -> Bool {
        guard layout.partition(of: author) == id else { return true }
        return try user(author) != nil
    }

    private func dumpTweets(_ query: DumpQuery) throws(PartitionFailure) -> Page<DumpItem, DumpPosition> {
        var items: [DumpItem] = []
        var last: DumpPosition?
        var iterator = database.scan(prefix: keys.of(.tweet))
        if let after = query.after { iterator.seek(to: keys.of(.tweet, after.first) + [0]) }
        for _ in 0..<query.count {
            guard let (key, value) = try iterator.nextPair() else { return Page(items: items, next: nil) }
            let id = TweetID(try Keys.integer(key))
            last = DumpPosition(first: id.rawValue, second: nil)
            let record: TweetRecord = try decode(value)
            guard !record.isDeleted, try user(record.author) != nil else { continue }
            items.append(.tweet(record.view(id), replyToAuthor: record.replyToAuthor))
        }
        return Page(items: items, next: last)
    }
}

extension KeyIterator {
    fileprivate mutating func nextPair() throws(PartitionFailure) -> (key: [UInt8], value: [UInt8])? {
        do throws(StoreError) {
            return try next()
        } catch {
            throw .store(error)
        }
    }
}
