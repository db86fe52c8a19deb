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
        var cap = 1
        var added: [ListEntry] = []
        for operand in operands {
            cap = max(cap, try SortedList.append(stored: operand, to: &added))
        }
        guard let existing else {
            return SortedList(cap: cap, normalized: SortedList.normalized(added, cap: cap)).stored()
        }
        cap = max(cap, try PackedListHeader(existing).cap)
        let newer = SortedList(cap: cap, normalized: SortedList.normalized(added, cap: cap))
        if let prepended = try newer.prepended(toStored: existing) { return prepended }
        let base = try SortedList(stored: existing)
        return SortedList(cap: cap, normalized: SortedList.join(base.entries, newer.entries, cap: cap)).stored()
    }
}

extension SortedList {
    /// This list with a stored one behind it, its entries copied as they are, without reading each: most operands are
    /// newer than what is stored.
    ///
    /// - Returns: nil where they overlap.
    fileprivate func prepended(toStored stored: UnsafeRawBufferPointer) throws(BinaryDecodingError) -> [UInt8]? {
        let header = try PackedListHeader(stored)
        guard let oldest = entries.last, header.count > 0,
            ListEntry(stored: stored, at: SortedList.headerSize).tweet < oldest.tweet
        else { return nil }
        let kept = min(header.count, cap - entries.count) * ListEntry.storedSize
        var bytes = self.stored()
        bytes.append(contentsOf: stored[SortedList.headerSize..<(SortedList.headerSize + kept)])
        return bytes
    }
}
