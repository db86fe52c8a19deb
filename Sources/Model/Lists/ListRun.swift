/// Entries by tweet, newest first, no tweet twice: what pages are read from, wherever it is kept.
public protocol ListRun: Sendable {
    var count: Int { get }

    /// The entry at `index`, newest first; nil behind the last.
    func entry(at index: Int) -> ListEntry?
}

extension ListRun {
    /// The index of the first entry older than `tweet`, in O(log n).
    @inlinable
    public func firstIndex(below tweet: TweetID) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if let entry = entry(at: middle), entry.tweet < tweet {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}
