internal import Model
internal import Store

/// The readers who have a home list here: a cache, kept in the store beside its lists so that it outlives a restart.
///
/// A list holds the newest tweets of the reader and of everyone they follow, unfiltered, except of the authors that
/// it names as lacking. It is built by a read, kept up by every entry, and dropped by any change that it could not
/// take in. Its newest entries are a tail in memory, so that a delivery costs an append and not a write; full tails
/// are written with the entry that filled them, and a drain writes all of them.
final class HomeLists {
    struct HomeList {
        /// The entry after which the list was built: it is complete since then.
        let builtAt: LogIndex
        /// Followed authors whose tweets are not in the list, because they are pulled.
        let lacking: [UserID]
        var lastRead: Milliseconds
        /// What is in the list and not in the store yet.
        var tail = ListTail()

        /// What an entry has changed about a tail.
        fileprivate enum Change {
            case none
            case joined
            case added(count: Int)
        }

        fileprivate mutating func push(_ entry: ListEntry, builtBefore: LogIndex) -> Change {
            guard builtAt < builtBefore else { return .none }
            return tail.insert(entry) ? .added(count: tail.count) : .joined
        }
    }

    /// A walk over the lists that had a tail when it began.
    struct Drain {
        /// The last entry applied before the drain began: at its end the store has what every entry up to here added.
        let began: LogIndex
        let readers: Set<UserID>
        var position: Set<UserID>.Index
    }

    /// A step of a drain.
    struct DrainSlice {
        fileprivate let drain: Drain
        fileprivate let isFirst: Bool
        fileprivate let readers: [UserID]
        let isLast: Bool
    }

    private let database: Database
    private let keys: Keys
    private let limit: Int
    private let cap: Int
    private let largestTail: Int
    private var lists: [UserID: HomeList] = [:]
    /// Lists that were read lately, as the store has them: finding one there takes longer than all else of a page of ids.
    private var inMemory: BoundedCache<UserID, PackedList>
    /// Lists whose tail has become full with the entry being applied.
    private var full: [UserID] = []
    /// Lists that have had a tail since the last drain began.
    private var undrained: Set<UserID> = []
    private var drain: Drain?
    /// Lists that are dropped, and whose deletion the store has not taken yet.
    private var undeleted: Set<UserID> = []
    /// Entries in all tails.
    private(set) var tailEntries = 0
    /// The store's lists have everything that entries up to this one added.
    private(set) var drainedIndex: LogIndex

    init(database: Database, keys: Keys, settings: PartitionSettings) throws(PartitionFailure) {
        self.database = database
        self.keys = keys
        limit = max(1, settings.largestHomeLists)
        cap = settings.listCap
        inMemory = BoundedCache(limit: settings.homeListCacheBytes) { $0.memory }
        // A tail must not trim its list by more than the list holds.
        largestTail = max(1, min(settings.tailEntries, settings.listCap / 2))
        drainedIndex = try HomeLists.drainedIndex(try database.read(keys.of(.drainedIndex)))
        try database.forEach(prefix: keys.of(.homeHeader)) { key, value throws(PartitionFailure) in
            let stored: StoredHeader = try decode(value)
            let reader = UserID(try Keys.integer(key))
            // A list that was trimmed to another cap does not tell where it ends.
            if stored.cap == cap {
                lists[reader] = HomeList(builtAt: stored.builtAt, lacking: stored.lacking, lastRead: 0)
            } else {
                undeleted.insert(reader)
            }
            return true
        }
    }

    static func drainedIndex(_ stored: [UInt8]?) throws(PartitionFailure) -> LogIndex {
        guard let stored else { return 0 }
        let index: StoredIndex = try decode(stored)
        return index.value
    }

    var isEmpty: Bool { lists.isEmpty }
    var count: Int { lists.count }

    /// A reader's list, noting the read.
    func list(of reader: UserID, now: Milliseconds) -> HomeList? {
        guard let index = lists.index(forKey: reader) else { return nil }
        lists.values[index].lastRead = now
        return lists.values[index]
    }

    /// What the store has of a reader's list: all but its tail.
    func stored(
        of reader: UserID,
        _ statistics: inout PartitionStatistics
    ) throws(PartitionFailure) -> PackedList {
        if let list = inMemory[reader] { return list }
        statistics.homeListsFetched += 1
        guard let bytes = try database.read(keys.of(.homeList, reader.rawValue)) else {
            throw .broken("reader \(reader) has a home list header and no list")
        }
        do throws(BinaryDecodingError) {
            let list = try PackedList(stored: bytes)
            inMemory[reader] = list
            return list
        } catch {
            throw .damaged("home list of \(reader): \(error)")
        }
    }

    /// Stores a list that was just built.
    func store(_ entries: SortedList, _ list: HomeList, of reader: UserID, in batch: WriteBatch) {
        if lists.count >= limit { dropOldest() }
        writeDeletions(in: batch)
        let header = StoredHeader(builtAt: list.builtAt, cap: cap, lacking: list.lacking)
        batch.put(keys.of(.homeHeader, reader.rawValue), header.encoded())
        let stored = entries.stored()
        batch.put(keys.of(.homeList, reader.rawValue), stored)
        lists[reader] = list
        inMemory[reader] = try? PackedList(stored: stored)
    }

    /// A list could not be stored.
    func forget(_ reader: UserID) {
        tailEntries -= lists.removeValue(forKey: reader)?.tail.count ?? 0
        inMemory.remove(reader)
    }

    // MARK: Tails

    /// Adds to a reader's list, if there is one, with the entry being applied.
    ///
    /// - Parameter builtBefore: adds to lists built before this entry only.
    /// - Returns: whether there is one.
    func push(_ entry: ListEntry, to reader: UserID, builtBefore: LogIndex = .max) -> Bool {
        guard let index = lists.index(forKey: reader) else { return false }
        // One access in place: copying the list out would count references for every delivery.
        switch lists.values[index].push(entry, builtBefore: builtBefore) {
        case .none: return false
        case .joined: return true
        case .added(let count):
            tailEntries += 1
            if count == 1 { undrained.insert(reader) }
            if count == largestTail { full.append(reader) }
            return true
        }
    }

    /// Writes what entries leave to be written with them: the tails that they have filled, and deletions of lists
    /// that the store has not taken yet. To be called behind all of them, and followed by `written` once the transaction is.
    func writeDue(in transaction: Transaction) {
        for reader in full {
            guard let tail = lists[reader]?.tail, !tail.isEmpty else { continue }
            transaction.fold(keys.of(.homeList, reader.rawValue), tail.operand(cap: cap).stored())
        }
        for reader in undeleted {
            transaction.deleteBlindly(keys.of(.homeHeader, reader.rawValue))
            transaction.deleteBlindly(keys.of(.homeList, reader.rawValue))
        }
    }

    var isWritingDue: Bool { !full.isEmpty }

    /// What was due is in the store.
    func written() {
        for reader in full {
            clearTail(of: reader)
        }
        full.removeAll(keepingCapacity: true)
        undeleted.removeAll()
    }

    /// Makes all tails due.
    func fillAll() {
        full = Array(undrained)
        undrained = []
    }

    /// Puts the next tails of the drain under way, or of a new one, into a batch. To be followed by `finish` once the
    /// batch is written, and by nothing where it could not be.
    func nextSlice(appliedIndex: LogIndex, limit: Int, in batch: WriteBatch) -> DrainSlice {
        var drain = self.drain ?? Drain(began: appliedIndex, readers: undrained, position: undrained.startIndex)
        var readers: [UserID] = []
        while readers.count < limit, drain.position < drain.readers.endIndex {
            readers.append(drain.readers[drain.position])
            drain.readers.formIndex(after: &drain.position)
        }
        for reader in readers {
            guard let tail = lists[reader]?.tail, !tail.isEmpty else { continue }
            batch.merge(keys.of(.homeList, reader.rawValue), tail.operand(cap: cap).stored())
        }
        let slice = DrainSlice(
            drain: drain,
            isFirst: self.drain == nil,
            readers: readers,
            isLast: drain.position == drain.readers.endIndex
        )
        writeDeletions(in: batch)
        if slice.isLast { batch.put(keys.of(.drainedIndex), StoredIndex(value: drain.began).encoded()) }
        return slice
    }

    /// The slice is in the store.
    func finish(_ slice: DrainSlice) {
        if slice.isFirst { undrained = [] }
        for reader in slice.readers {
            clearTail(of: reader)
        }
        undeleted.removeAll()
        if slice.isLast { drainedIndex = slice.drain.began }
        drain = slice.isLast ? nil : slice.drain
    }

    /// The store has a list's tail now, and the list in memory is not all that it has.
    private func clearTail(of reader: UserID) {
        guard let index = lists.index(forKey: reader), !lists.values[index].tail.isEmpty else { return }
        tailEntries -= lists.values[index].tail.count
        lists.values[index].tail.removeAll()
        inMemory.remove(reader)
    }

    // MARK: Dropping

    /// Drops a reader's list, if there is one, with the entry being applied.
    func drop(_ reader: UserID, in transaction: Transaction, _ statistics: inout PartitionStatistics) {
        guard lists[reader] != nil else { return }
        forget(reader)
        transaction.delete(keys.of(.homeHeader, reader.rawValue))
        transaction.delete(keys.of(.homeList, reader.rawValue))
        statistics.homeListsDropped += 1
    }

    /// Drops lists that nobody has read since `horizon`; those of a run before count as read at its end.
    ///
    /// - Returns: how many were dropped, at most `limit`.
    func dropUnread(since horizon: Milliseconds, startedAt: Milliseconds, limit: Int, in batch: WriteBatch) -> Int {
        let victims = Array(
            lists.lazy.filter { max($0.value.lastRead, startedAt) < horizon }.prefix(limit).map(\.key)
        )
        for reader in victims {
            forget(reader)
            undeleted.insert(reader)
        }
        writeDeletions(in: batch)
        return victims.count
    }

    /// Forgets all lists: what they lack is not known.
    func dropAll() {
        undeleted.formUnion(lists.keys)
        lists = [:]
        inMemory.removeAll()
        tailEntries = 0
    }

    /// Of a few lists, drops the one read longest ago.
    private func dropOldest() {
        let sample = lists.prefix(8)
        guard let oldest = sample.min(by: { $0.value.lastRead < $1.value.lastRead }) else { return }
        forget(oldest.key)
        undeleted.insert(oldest.key)
    }

    /// Deletes what is dropped and still in the store: a list that came back after a restart would lack what it
    /// missed. To be followed by `deletionsWritten` once the batch is written.
    private func writeDeletions(in batch: WriteBatch) {
        for reader in undeleted {
            batch.delete(keys.of(.homeHeader, reader.rawValue))
            batch.delete(keys.of(.homeList, reader.rawValue))
        }
    }

    func deletionsWritten() {
        undeleted.removeAll()
    }
}

struct StoredHeader: BinaryCodable {
    let builtAt: LogIndex
    let cap: Int
    let lacking: [UserID]

    init(builtAt: LogIndex, cap: Int, lacking: [UserID]) {
        self.builtAt = builtAt
        self.cap = cap
        self.lacking = lacking
    }

    func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(builtAt)
        writer.writeVariable(UInt64(cap))
        writer.writeArray(lacking) { $0.write($1) }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        builtAt = try reader.readVariable()
        let cap = try reader.readVariable()
        guard cap <= UInt64(Int32.max) else { throw .invalid("a list of at most \(cap)") }
        self.cap = Int(cap)
        lacking = try reader.readArray { reader throws(BinaryDecodingError) in try reader.readUser() }
    }
}

struct StoredIndex: BinaryCodable {
    let value: LogIndex

    init(value: LogIndex) {
        self.value = value
    }

    func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(value)
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        value = try reader.readVariable()
    }
}
