internal import Model
internal import Store

/// Reading a home timeline: from the reader's list, which a read builds where there is none, and below it from the
/// lists of everyone they follow.
///
/// What is visible never depends on which: the author lists of everyone the reader follows and their own, merged
/// newest first, less the removed and the replies to people whom the reader does not follow.
extension Partition {
    func home(_ query: HomeQuery, now: Milliseconds) throws(PartitionFailure) -> Result<Answer, Refusal> {
        var page = HomePage(query)
        var isSinceHonoured = false
        if let list = homeLists.list(of: query.reader, now: now) {
            statistics.homeReadsFromList += 1
            isSinceHonoured = try read(list, into: &page)
        } else {
            // Who has a list is there: deleting a user drops it.
            guard try user(query.reader) != nil else { return .failure(.notFound(query.reader)) }
            statistics.homeReadsComputed += 1
            if let list = try build(query.reader, now: now) {
                isSinceHonoured = try read(list, into: &page)
            } else {
                try readAuthorLists(into: &page)
            }
        }
        statistics.refilledPages += page.isRefilled ? 1 : 0
        return .success(
            .home(
                Page(items: page.items, next: page.next),
                position: Position(incarnation: incarnation, index: readable.appliedIndex, time: readable.lastTime),
                isSinceHonoured: isSinceHonoured
            )
        )
    }

    /// Reads the stored list with its tail and the lists of the authors it lacks, then goes on below its floor.
    ///
    /// - Returns: whether the page holds only what arrived after `query.since`.
    private func read(_ list: HomeLists.HomeList, into page: inout HomePage) throws(PartitionFailure) -> Bool {
        let stored = try homeLists.stored(of: page.query.reader, &statistics)
        let listFloor = floor(of: stored, with: list.tail)
        let isSinceHonoured = canHonourSince(page.query.since, builtAt: list.builtAt, floor: listFloor)
        page.arrivedAfter = isSinceHonoured ? page.query.since?.index : nil
        var sources = [TimelineMerge.Source(list: stored, isOwn: false, before: page.query.before)]
        if !list.tail.isEmpty {
            sources.append(TimelineMerge.Source(list: list.tail, isOwn: false, before: page.query.before))
        }
        for author in list.lacking {
            sources += try self.sources(of: author, isOwn: false, before: page.query.before)
        }
        var merge = TimelineMerge(sources)
        // What arrived since a position is above the floor, or in the lists that are not part of the home list.
        let floor = isSinceHonoured ? nil : listFloor
        while !page.isComplete, let newest = merge.newest {
            if let floor, newest < floor { break }
            guard let entry = merge.next() else { break }
            try take(entry, into: &page)
        }
        if let floor, !page.isComplete {
            statistics.pagesBelowList += 1
            page.limitBelow(floor)
            try readAuthorLists(into: &page)
        }
        return isSinceHonoured
    }

    /// Below this tweet a list with its tail does not tell; nil while they hold all they were given.
    ///
    /// Taking in a tail of n entries trims at most n from the stored list, so what is above its n-th last is there.
    private func floor(of stored: PackedList, with tail: ListTail) -> TweetID? {
        guard stored.count + tail.count >= stored.cap else { return nil }
        return stored.entry(at: max(0, stored.cap - tail.count - 1))?.tweet
    }

    /// Whether the list has stood, whole, since the position: nothing that arrived after it can be missing.
    private func canHonourSince(_ since: Position?, builtAt: LogIndex, floor: TweetID?) -> Bool {
        guard let since, since.incarnation == incarnation, since.index <= readable.appliedIndex,
            builtAt <= since.index
        else { return false }
        // A full list may have trimmed a tweet that arrived late, but none that arrived later than the bound on
        // lateness allows: those drop the list.
        guard let floor else { return true }
        return Snowflake.time(of: floor.rawValue) * 1000 + settings.lateArrivalMicroseconds < since.time
    }

    private func readAuthorLists(into page: inout HomePage) throws(PartitionFailure) {
        let sources = try authorSources(of: page.query.reader, before: page.before)
        var merge = TimelineMerge(sources)
        while !page.isComplete, let entry = merge.next() {
            try take(entry, into: &page)
        }
    }

    private func take(_ entry: ListEntry, into page: inout HomePage) throws(PartitionFailure) {
        if let bound = page.arrivedAfter, entry.arrival <= bound { return }
        page.take(entry, isVisible: try isVisible(entry, in: &page))
    }

    /// Replies are seen by those who follow the one replied to, and by the one replied to.
    private func isVisible(_ entry: ListEntry, in page: inout HomePage) throws(PartitionFailure) -> Bool {
        if entry.isRemoved { return false }
        guard let other = entry.replyTo, other != page.query.reader else { return true }
        if let known = page.followed[other] { return known }
        let follows = try database.read(keys.of(.following, page.query.reader.rawValue, other.rawValue)) != nil
        page.followed[other] = follows
        return follows
    }

    /// The author lists that make up a reader's timeline.
    private func authorSources(
        of reader: UserID,
        before: TweetID?,
        excluding excluded: Set<UserID> = []
    ) throws(PartitionFailure) -> [TimelineMerge.Source] {
        var sources = try self.sources(of: reader, isOwn: true, before: before)
        for author in try followed(by: reader) where !excluded.contains(author) {
            sources += try self.sources(of: author, isOwn: false, before: before)
        }
        return sources
    }

    private func sources(
        of author: UserID,
        isOwn: Bool,
        before: TweetID?
    ) throws(PartitionFailure) -> [TimelineMerge.Source] {
        guard let list = try authorLists.list(of: author) else { return [] }
        return list.parts.map { part in
            TimelineMerge.Source(list: part.run, count: part.count, isOwn: isOwn, before: before)
        }
    }

    private func followed(by reader: UserID) throws(PartitionFailure) -> [UserID] {
        var authors: [UserID] = []
        try database.forEach(prefix: keys.of(.following, reader.rawValue)) { key, _ throws(PartitionFailure) in
            authors.append(UserID(try Keys.integer(key)))
            return true
        }
        return authors
    }

    /// Builds and stores a reader's home list, so that entries keep it up from now on.
    ///
    /// - Returns: nil where the store takes nothing, on a full disk: a cache must not stop a read.
    private func build(_ reader: UserID, now: Milliseconds) throws(PartitionFailure) -> HomeLists.HomeList? {
        guard isCommitted else { return nil }
        let lacking = try pulledAuthors.isEmpty ? [] : followed(by: reader).filter { pulledAuthors.contains($0) }
        var merge = TimelineMerge(try authorSources(of: reader, before: nil, excluding: Set(lacking)))
        var entries: [ListEntry] = []
        while entries.count < settings.listCap, let entry = merge.next() {
            entries.append(entry)
        }
        let batch = WriteBatch()
        let list = HomeLists.HomeList(builtAt: meta.appliedIndex, lacking: lacking, lastRead: now)
        homeLists.store(SortedList(cap: settings.listCap, entries: entries), list, of: reader, in: batch)
        statistics.homeListsBuilt += 1
        do throws(PartitionFailure) {
            try database.commit(batch)
        } catch {
            homeLists.forget(reader)
            return nil
        }
        homeLists.deletionsWritten()
        return list
    }
}
