internal import Model
internal import Store

/// The readers who have a home list here: a cache, kept in the store beside its lists so that it outlives a restart.
///
/// A list holds the newest tweets of the reader and of everyone they follow, unfiltered, except of the authors that
/// its header names as lacking. It is built by a read, kept up by every entry, and dropped by any change that it
/// could not take in.
final class HomeLists {
    struct Header {
        /// The entry after which the list was built: it is complete since then.
        let builtAt: LogIndex
        /// Followed authors whose tweets are not in the list, because they are pulled.
        let lacking: [UserID]
        var lastRead: Milliseconds
    }

    private let keys: Keys
    private let limit: Int
    private var headers: [UserID: Header] = [:]
    /// What the entry being applied adds to lists: one operand a list, however many tweets an entry brings.
    private var pushed: [UserID: [ListEntry]] = [:]

    /// - Parameter limit: how many lists there may be.
    init(database: Database, keys: Keys, limit: Int) throws(PartitionFailure) {
        self.keys = keys
        self.limit = max(1, limit)
        try database.forEach(prefix: keys.of(.homeHeader)) { key, value throws(PartitionFailure) in
            let stored: StoredHeader = try decode(value)
            headers[UserID(try Keys.integer(key))] = Header(
                builtAt: stored.builtAt,
                lacking: stored.lacking,
                lastRead: 0
            )
            return true
        }
    }

    var isEmpty: Bool { headers.isEmpty }
    var count: Int { headers.count }

    func contains(_ reader: UserID) -> Bool { headers[reader] != nil }

    /// The header of a reader's list, noting the read.
    func header(of reader: UserID, now: Milliseconds) -> Header? {
        guard var header = headers[reader] else { return nil }
        // Written only when it matters: a store per read would cost more than the read.
        if now > header.lastRead &+ 1000 || now < header.lastRead {
            header.lastRead = now
            headers[reader] = header
        }
        return header
    }

    /// Stores a list that was just built.
    func store(_ list: SortedList, _ header: Header, of reader: UserID, in batch: WriteBatch) {
        if headers.count >= limit { dropOldest(in: batch) }
        let stored = StoredHeader(builtAt: header.builtAt, lacking: header.lacking)
        batch.put(keys.of(.homeHeader, reader.rawValue), stored.encoded())
        batch.put(keys.of(.homeList, reader.rawValue), list.stored())
        headers[reader] = header
    }

    /// A list could not be stored.
    func forget(_ reader: UserID) {
        headers[reader] = nil
    }

    /// Adds to a reader's list, if there is one, with the entry being applied.
    ///
    /// - Returns: whether there is one.
    func push(_ entry: ListEntry, to reader: UserID) -> Bool {
        guard headers[reader] != nil else { return false }
        pushed[reader, default: []].append(entry)
        return true
    }

    /// Writes what the entry being applied has added to the lists that it has not dropped since.
    func writePushed(cap: Int, in transaction: Transaction) {
        guard !pushed.isEmpty else { return }
        for (reader, entries) in pushed where headers[reader] != nil {
            transaction.merge(
                keys.of(.homeList, reader.rawValue),
                SortedList(cap: cap, entries: entries).stored()
            )
        }
        pushed.removeAll(keepingCapacity: true)
    }

    /// Drops a reader's list, if there is one, with the entry being applied.
    func drop(_ reader: UserID, in transaction: Transaction, _ statistics: inout PartitionStatistics) {
        guard headers.removeValue(forKey: reader) != nil else { return }
        transaction.delete(keys.of(.homeHeader, reader.rawValue))
        transaction.delete(keys.of(.homeList, reader.rawValue))
        statistics.homeListsDropped += 1
    }

    /// Drops lists that nobody has read since `horizon`; those of a run before count as read at its end.
    ///
    /// - Returns: how many were dropped, at most `limit`.
    func dropUnread(since horizon: Milliseconds, startedAt: Milliseconds, limit: Int, in batch: WriteBatch) -> Int {
        let victims = headers.lazy.filter { max($0.value.lastRead, startedAt) < horizon }.prefix(limit).map(\.key)
        for reader in Array(victims) {
            remove(reader, in: batch)
        }
        return victims.count
    }

    /// Of a few lists, drops the one read longest ago: an approximation of least recently used, as in Redis.
    private func dropOldest(in batch: WriteBatch) {
        let sample = headers.prefix(8)
        guard let oldest = sample.min(by: { $0.value.lastRead < $1.value.lastRead }) else { return }
        remove(oldest.key, in: batch)
    }

    private func remove(_ reader: UserID, in batch: WriteBatch) {
        headers.removeValue(forKey: reader)
        batch.delete(keys.of(.homeHeader, reader.rawValue))
        batch.delete(keys.of(.homeList, reader.rawValue))
    }
}

private struct StoredHeader: BinaryCodable {
    let builtAt: LogIndex
    let lacking: [UserID]

    init(builtAt: LogIndex, lacking: [UserID]) {
        self.builtAt = builtAt
        self.lacking = lacking
    }

    func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(builtAt)
        writer.writeArray(lacking) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        builtAt = try reader.readVariable()
        lacking = try reader.readArray { reader throws(BinaryDecodingError) in try reader.readUser() }
    }
}
