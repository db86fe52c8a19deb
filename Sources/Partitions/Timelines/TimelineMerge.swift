internal import Model

/// Merges stored lists newest first; a tweet that is in several comes once, removed if it is removed in any.
struct TimelineMerge {
    /// One list on its way through the merge.
    struct Source {
        let list: any ListRun
        /// Of the list's entries, the first so many.
        let count: Int
        /// Whether it is the reader's own: they see all of it, whoever they reply to.
        let isOwn: Bool
        var index: Int

        /// - Parameter count: nil for the whole list.
        init(list: any ListRun, count: Int? = nil, isOwn: Bool, before: TweetID?) {
            self.list = list
            self.count = count ?? list.count
            self.isOwn = isOwn
            index = before.map { list.firstIndex(below: $0) } ?? 0
        }

        var entry: ListEntry? {
            guard index < count, let entry = list.entry(at: index) else { return nil }
            return isOwn ? entry.withoutReplyTo() : entry
        }
    }

    private struct Node {
        var head: ListEntry
        var source: Source
    }

    /// A binary heap by the newest entry of each source.
    private var heap: [Node] = []

    init(_ sources: [Source]) {
        heap.reserveCapacity(sources.count)
        for source in sources {
            guard let head = source.entry else { continue }
            heap.append(Node(head: head, source: source))
        }
        for index in (0..<(heap.count / 2)).reversed() {
            siftDown(from: index)
        }
    }

    /// The id of the entry that `next` will return.
    var newest: TweetID? { heap.isEmpty ? nil : heap[0].head.tweet }

    mutating func next() -> ListEntry? {
        guard !heap.isEmpty else { return nil }
        var entry = heap[0].head
        advance()
        while !heap.isEmpty, heap[0].head.tweet == entry.tweet {
            entry = entry.joined(with: heap[0].head)
            advance()
        }
        return entry
    }

    private mutating func advance() {
        heap[0].source.index += 1
        if let head = heap[0].source.entry {
            heap[0].head = head
        } else {
            heap.swapAt(0, heap.count - 1)
            heap.removeLast()
        }
        siftDown(from: 0)
    }

    private mutating func siftDown(from start: Int) {
        var parent = start
        while true {
            var newest = parent
            let left = 2 * parent + 1
            if left < heap.count, heap[left].head.tweet > heap[newest].head.tweet { newest = left }
            if left + 1 < heap.count, heap[left + 1].head.tweet > heap[newest].head.tweet { newest = left + 1 }
            guard newest != parent else { return }
            heap.swapAt(parent, newest)
            parent = newest
        }
    }
}
