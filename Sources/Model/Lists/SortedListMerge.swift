/// How the store joins stored lists: what its merge operator calls.
public enum SortedListMerge {
    /// Joins a stored list, where there is one, with operands in any order. Each operand is a stored list too.
    ///
    /// - Returns: the joined list as stored; the largest cap wins, so that the result does not depend on the order.
    /// - Throws: where any of them is not a list of ours: the value is damaged.
    public static func merge(
        existing: UnsafeRawBufferPointer?,
        operands: [UnsafeRawBufferPointer]
    ) throws(BinaryDecodingError) -> [UInt8] {
        let base = try existing.map { stored throws(BinaryDecodingError) in try SortedList(stored: stored) }
        var cap = base?.cap ?? 1
        var added: [ListEntry] = []
        for operand in operands {
            cap = max(cap, try SortedList.append(stored: operand, to: &added))
        }
        let normalized = SortedList.normalized(added, cap: cap)
        let entries = base.map { SortedList.join($0.entries, normalized, cap: cap) } ?? normalized
        return SortedList(cap: cap, normalized: entries).stored()
    }
}
