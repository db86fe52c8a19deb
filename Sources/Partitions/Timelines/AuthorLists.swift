internal import DequeModule
internal import Model
internal import Store

/// The newest tweets of each author of this partition, and of each whom its users follow.
///
/// What an entry adds is stored under one key of that entry, its *arrivals*, and kept in memory, in a tail for each
/// author: finding the place of a key for each list costs more than all else that a delivery does. Tails are folded into
/// the stored lists later, several tweets in one operand, some with every entry; arrivals go once all of them have been.
/// After a crash the arrivals that are left make up the tails again. What of them was folded before does nothing twice: a
/// list joins what it has already.
final class AuthorLists {
    private struct Fold {
        let authors: [UserID]
        /// The first author who is left.
        var position = 0
        /// The last entry whose arrivals are in tails of these authors.
        let last: LogIndex
        /// Authors to write, and entries whose arrivals then go.
        let work: Int
        /// Arrivals since the fold began.
        var arrivals = 0
        /// Entries whose arrivals are gone.
        var forgotten = 0

        var isOver: Bool { position == authors.count }

        /// How much of the work is to be done now. It is spread over three quarters of the arrivals that may come before the next
        /// fold: a fold at full speed would hold up what else there is to do, in all partitions at once, because all have
        /// as many arrivals.
        func steps(limit: Int) -> Int {
            max(0, min(work, work * arrivals * 4 / (limit * 3) + 1) - position - forgotten)
        }

        mutating func next() -> UserID? {
            guard position < authors.count else { return nil }
            defer { position += 1 }
            return authors[position]
        }
    }

    private let database: Database
    private let keys: Keys
    private let cap: Int
    private let largestTail: Int
    private let limit: Int
    private var tails: [UserID: ListTail] = [:]
    /// Of the entry being applied.
    private var arrivals: [Arrival] = []
    /// Entries with arrivals that the store does not have, and how many arrivals.
    private var staged: (entries: [LogIndex], arrivals: Int) = ([], 0)
    /// Authors whose tail has become full since the store was written last.
    private var full: [UserID] = []
    /// The entries whose arrivals are stored.
    private var entries: Deque<LogIndex> = []
    /// How many arrivals no fold has begun to take in.
    private var unfolded = 0
    private var fold: Fold?
    /// Arrivals that were there when the lists were opened.
    private(set) var restored = 0
    /// What `written` is to forget: whose tails, and of how many entries the arrivals.
    private var due: (authors: [UserID], entries: Int) = ([], 0)

    init(database: Database, keys: Keys, settings: PartitionSettings) throws(PartitionFailure) {
        self.database = database
        self.keys = keys
        cap = settings.listCap
        largestTail = max(1, min(settings.tailEntries, settings.listCap / 2))
        limit = max(1, settings.largestArrivals)
        try database.forEach(prefix: keys.of(.arrivals)) { key, value throws(PartitionFailure) in
            let index = try Keys.integer(key)
            let stored: StoredArrivals = try decode(value)
            for arrival in stored.arrivals {
                take(arrival, at: index)
            }
            entries.append(index)
            return true
        }
        restored = arrivals.count
        arrivals = []
        full = tails.filter { $0.value.count >= largestTail }.keys.sorted()
    }

    // MARK: Reading

    /// Nil where nothing is known of the author. Not for reading what entries that the store lacks have replaced or removed: it
    /// has that yet.
    func list(of author: UserID) throws(PartitionFailure) -> AuthorList? {
        let tail = tails[author]
        let bytes = try database.read(keys.of(.authorList, author.rawValue))
        guard bytes != nil || tail != nil else { return nil }
        do throws(BinaryDecodingError) {
            let stored = try bytes.map { bytes throws(BinaryDecodingError) in try PackedList(stored: bytes) }
            return AuthorList(stored: stored, tail: tail ?? ListTail(), cap: max(cap, stored?.cap ?? 0))
        } catch {
            throw .damaged("list of author \(author): \(error)")
        }
    }

    // MARK: Changing, with the entry being applied

    func add(_ entry: ListEntry, to author: UserID) {
        take(Arrival(author: author, entry: entry), at: entry.arrival)
    }

    /// Puts a list in the place of what there is.
    func replace(_ author: UserID, with list: SortedList, in transaction: Transaction) {
        drop(author)
        transaction.put(keys.of(.authorList, author.rawValue), list.stored())
    }

    func remove(_ author: UserID, in transaction: Transaction) {
        drop(author)
        transaction.delete(keys.of(.authorList, author.rawValue))
    }

    private func drop(_ author: UserID) {
        take(Arrival(author: author, entry: nil), at: 0)
    }

    private func take(_ arrival: Arrival, at index: LogIndex) {
        arrivals.append(arrival)
        unfolded += 1
        guard let entry = arrival.entry else {
            tails[arrival.author] = nil
            return
        }
        let arrived = entry.arriving(at: index)
        if tails[arrival.author, default: ListTail()].insert(arrived), tails[arrival.author]?.count == largestTail {
            full.append(arrival.author)
        }
    }

    // MARK: Writing

    var isWritingDue: Bool { !full.isEmpty }

    /// Writes what an entry has added, behind everything else that it does.
    func endEntry(at index: LogIndex, in transaction: Transaction) {
        guard !arrivals.isEmpty else { return }
        transaction.putBlindly(keys.of(.arrivals, index), StoredArrivals(arrivals: arrivals).encoded())
        staged.entries.append(index)
        staged.arrivals += arrivals.count
        arrivals.removeAll(keepingCapacity: true)
    }

    /// Writes what is due for folding. To be called behind all entries of a transaction, and followed by `written` once it is.
    ///
    /// - Parameter index: of the last entry.
    func writeDue(entriesUpTo index: LogIndex, in transaction: Transaction) {
        for author in full {
            write(author, in: transaction)
        }
        if fold == nil, unfolded >= limit {
            let work = tails.count + entries.count + staged.entries.count
            fold = Fold(authors: tails.keys.sorted(), last: index, work: work)
            unfolded = 0
        }
        fold?.arrivals += staged.arrivals
        var steps = fold?.steps(limit: limit) ?? 0
        while steps > 0, let author = fold?.next() {
            steps -= 1
            write(author, in: transaction)
        }
        guard let fold, fold.isOver else { return }
        for entry in entries.prefix(steps) {
            guard entry <= fold.last else { break }
            transaction.deleteFolded(keys.of(.arrivals, entry))
            due.entries += 1
        }
        self.fold?.forgotten += due.entries
    }

    private func write(_ author: UserID, in transaction: Transaction) {
        guard let tail = tails[author], !tail.isEmpty else { return }
        transaction.fold(keys.of(.authorList, author.rawValue), tail.operand(cap: cap).stored())
        due.authors.append(author)
    }

    /// What was due is in the store.
    ///
    /// - Returns: whether a fold has ended.
    func written() -> Bool {
        for author in due.authors {
            tails[author] = nil
        }
        entries.removeFirst(due.entries)
        let isFolded = fold.map { $0.isOver && (entries.first ?? .max) > $0.last } ?? false
        if isFolded { fold = nil }
        entries.append(contentsOf: staged.entries)
        due = ([], 0)
        staged.entries.removeAll(keepingCapacity: true)
        staged.arrivals = 0
        full.removeAll(keepingCapacity: true)
        return isFolded
    }
}

/// One change of an author's list.
struct Arrival {
    let author: UserID
    /// Nil where the list that there was is gone.
    let entry: ListEntry?
}

/// The changes that one entry of the log has made to author lists, in their order. The entry's index is in the key.
struct StoredArrivals: BinaryCodable {
    private enum Kind: UInt8 {
        case gone = 0
        case tweet = 1
        case reply = 2
        case removal = 3
    }

    let arrivals: [Arrival]

    init(arrivals: [Arrival]) {
        self.arrivals = arrivals
    }

    func encode(into writer: inout BinaryWriter) {
        writer.writeArray(arrivals) { writer, arrival in
            writer.write(arrival.author)
            guard let entry = arrival.entry else { return writer.write(Kind.gone.rawValue) }
            if entry.isRemoved {
                writer.write(Kind.removal.rawValue)
            } else {
                writer.write(entry.replyTo == nil ? Kind.tweet.rawValue : Kind.reply.rawValue)
            }
            writer.write(entry.tweet)
            if !entry.isRemoved, let replyTo = entry.replyTo { writer.write(replyTo) }
        }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        arrivals = try reader.readArray { reader throws(BinaryDecodingError) in
            let author = try reader.readUser()
            let number = try reader.readByte()
            guard let kind = Kind(rawValue: number) else { throw .invalid("arrival of kind \(number)") }
            switch kind {
            case .gone: return Arrival(author: author, entry: nil)
            case .tweet: return Arrival(author: author, entry: ListEntry(tweet: try reader.readTweet()))
            case .removal:
                return Arrival(author: author, entry: ListEntry(tweet: try reader.readTweet(), isRemoved: true))
            case .reply:
                let tweet = try reader.readTweet()
                return Arrival(author: author, entry: ListEntry(tweet: tweet, replyTo: try reader.readUser()))
            }
        }
    }
}
