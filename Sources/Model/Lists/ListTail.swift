/// The newest entries of a list, in memory until they are written to the store in one operand.
///
/// An insertion costs an append while entries arrive in the order of their ids, as most do.
public struct ListTail: ListRun, Hashable {
    /// Oldest first, no tweet twice.
    private var ascending: [ListEntry] = []

    public init() {}

    public var count: Int { ascending.count }
    public var isEmpty: Bool { ascending.isEmpty }

    public func entry(at index: Int) -> ListEntry? {
        guard index >= 0, index < ascending.count else { return nil }
        return ascending[ascending.count - 1 - index]
    }

    /// Adds an entry, joined with that of the same tweet where there is one.
    ///
    /// - Returns: whether there was none.
    public mutating func insert(_ entry: ListEntry) -> Bool {
        var position = ascending.count
        while position > 0, ascending[position - 1].tweet > entry.tweet {
            position -= 1
        }
        if position > 0, ascending[position - 1].tweet == entry.tweet {
            ascending[position - 1] = ascending[position - 1].joined(with: entry)
            return false
        }
        ascending.insert(entry, at: position)
        return true
    }

    public mutating func removeAll() {
        ascending.removeAll()
    }

    /// As an operand for the list that it is the tail of.
    ///
    /// - Parameter cap: the list's.
    public func operand(cap: Int) -> SortedList {
        SortedList(cap: cap, normalized: Array(ascending.suffix(cap).reversed()))
    }
}
