package import Model

/// An author's list as pages read it: what is stored, and what came since, without what the list's cap leaves out.
package struct AuthorList {
    /// Entries of one of the two that are part of the list: the first so many.
    package struct Part {
        package let run: any ListRun
        package let count: Int
    }

    package let parts: [Part]

    package init(stored: PackedList?, tail: ListTail, cap: Int) {
        guard let stored else {
            parts = [Part(run: tail, count: min(tail.count, cap))]
            return
        }
        var (storedCount, tailCount) = (stored.count, tail.count)
        if storedCount + tailCount > cap {
            var excess = storedCount + tailCount - AuthorList.common(stored, tail) - cap
            while excess > 0 {
                let oldestStored = stored.entry(at: storedCount - 1)?.tweet
                let oldestInTail = tail.entry(at: tailCount - 1)?.tweet
                guard let oldest = [oldestStored, oldestInTail].compactMap({ $0 }).min() else { break }
                if oldestStored == oldest { storedCount -= 1 }
                if oldestInTail == oldest { tailCount -= 1 }
                excess -= 1
            }
        }
        parts = [Part(run: stored, count: storedCount), Part(run: tail, count: tailCount)].filter { $0.count > 0 }
    }

    /// How many tweets are in both: removed since they were stored, or of before a crash.
    private static func common(_ stored: PackedList, _ tail: ListTail) -> Int {
        (0..<tail.count).count { index in
            guard let tweet = tail.entry(at: index)?.tweet else { return false }
            return stored.entry(at: stored.firstIndex(below: tweet) - 1)?.tweet == tweet
        }
    }

    /// All of it, newest first.
    package func entries(cap: Int) -> SortedList {
        SortedList(cap: cap, entries: parts.flatMap { part in (0..<part.count).compactMap { part.run.entry(at: $0) } })
    }
}
