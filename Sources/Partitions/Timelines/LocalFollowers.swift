internal import Model
internal import Store

/// The followers that an author has in this partition, as arrays in memory: a bounded cache of the edges.
final class LocalFollowers {
    private let database: Database
    private let keys: Keys
    private var cached: BoundedCache<UserID, [UserID]>
    /// What the entry being applied has changed and the database does not have yet.
    private var uncommitted: [(author: UserID, follower: UserID, isInserted: Bool)] = []

    /// - Parameter limit: how many users all arrays may hold together.
    init(database: Database, keys: Keys, limit: Int) {
        self.database = database
        self.keys = keys
        // An array of nothing takes memory too.
        cached = BoundedCache(limit: limit) { $0.count + 4 }
    }

    /// The author's followers here. Reads the edges where the array is not in memory.
    func of(_ author: UserID) throws(PartitionFailure) -> [UserID] {
        if let followers = cached[author] { return followers }
        var followers: [UserID] = []
        try database.forEach(prefix: keys.of(.localFollower, author.rawValue)) { key, _ throws(PartitionFailure) in
            followers.append(UserID(try Keys.integer(key)))
            return true
        }
        for change in uncommitted where change.author == author {
            followers.removeAll { $0 == change.follower }
            if change.isInserted { followers.append(change.follower) }
        }
        cached[author] = followers
        return followers
    }

    /// The entry being applied is in the database.
    func committed() {
        uncommitted.removeAll(keepingCapacity: true)
    }

    func insert(_ follower: UserID, of author: UserID) {
        uncommitted.append((author, follower, true))
        // Taken out of the cache while it changes, so that the array is not copied.
        guard var followers = cached.remove(author) else { return }
        followers.append(follower)
        cached[author] = followers
    }

    func remove(_ follower: UserID, of author: UserID) {
        uncommitted.append((author, follower, false))
        guard var followers = cached.remove(author) else { return }
        if let position = followers.firstIndex(of: follower) {
            followers.swapAt(position, followers.count - 1)
            followers.removeLast()
        }
        cached[author] = followers
    }

    func forget(_ author: UserID) {
        cached.remove(author)
    }
}
