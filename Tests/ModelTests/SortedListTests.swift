import Model
import Randomness
import Testing

/// Lists are a join-semilattice: operands in any order, grouping and number make one list.
@Suite struct SortedListTests {
    private static func operand(_ entries: [ListEntry], cap: Int) -> [UInt8] {
        SortedList(cap: cap, entries: entries).stored()
    }

    private static func merge(_ existing: [UInt8]?, _ operands: [[UInt8]]) throws -> [UInt8] {
        func withAll(_ rest: ArraySlice<[UInt8]>, _ pointers: [UnsafeRawBufferPointer]) throws -> [UInt8] {
            guard let first = rest.first else {
                guard let existing else { return try SortedListMerge.merge(existing: nil, operands: pointers) }
                return try existing.withUnsafeBytes {
                    try SortedListMerge.merge(existing: $0, operands: pointers)
                }
            }
            return try first.withUnsafeBytes { try withAll(rest.dropFirst(), pointers + [$0]) }
        }
        return try withAll(operands[...], [])
    }

    @Test(arguments: [4, 16, 800])
    func operandsCommuteRepeatAndGroup(cap: Int) throws {
        for seed in 0..<UInt64(cap == 800 ? 20 : 200) {
            var random = SeededGenerator(seed: seed)
            let count = Int.random(in: 1...(3 * cap), using: &random)
            var entries: [ListEntry] = []
            for _ in 0..<count {
                let tweet = TweetID(UInt64.random(in: 1...UInt64(2 * count), using: &random))
                entries.append(
                    ListEntry(
                        tweet: tweet,
                        replyTo: random.one(in: 3) ? UserID(tweet.rawValue * 7) : nil,
                        arrival: UInt64.random(in: 1...50, using: &random),
                        isRemoved: random.one(in: 4)
                    )
                )
            }
            let expected = Self.model(entries, cap: cap)
            var operands = entries.map { Self.operand([$0], cap: cap) }
            operands.append(contentsOf: operands.prefix(Int.random(in: 0...count, using: &random)))
            operands.shuffle(using: &random)
            // Random partial merges, then one full merge over a random base.
            var grouped: [[UInt8]] = []
            var rest = operands[...]
            while !rest.isEmpty {
                let size = Int.random(in: 1...max(1, min(9, rest.count)), using: &random)
                grouped.append(try Self.merge(nil, Array(rest.prefix(size))))
                rest = rest.dropFirst(size)
            }
            let base = grouped.removeFirst()
            let merged = grouped.isEmpty ? base : try Self.merge(base, grouped)
            let list = try SortedList(decoding: merged)
            #expect(list.entries == expected, "seed \(seed)")
            #expect(list.stored() == merged)
        }
    }

    /// The newest `cap` ids ever added, removed if any copy is.
    private static func model(_ entries: [ListEntry], cap: Int) -> [ListEntry] {
        Dictionary(grouping: entries, by: \.tweet).map { tweet, copies in
            ListEntry(
                tweet: tweet,
                replyTo: copies.compactMap(\.replyTo).max(),
                arrival: copies.map(\.arrival).max() ?? 0,
                isRemoved: copies.contains(where: \.isRemoved)
            )
        }
        .sorted { $0.tweet > $1.tweet }
        .prefix(cap).map { $0 }
    }

    @Test func aRemovalKeepsItsPlaceUnderTheCap() {
        var list = SortedList(cap: 2, entries: [ListEntry(tweet: TweetID(1)), ListEntry(tweet: TweetID(2))])
        list.insert(ListEntry(tweet: TweetID(2), isRemoved: true))
        list.insert(ListEntry(tweet: TweetID(1)))
        #expect(list.entries.map(\.tweet.rawValue) == [2, 1])
        #expect(list.entries.map(\.isRemoved) == [true, false])
        #expect(list.floor == TweetID(1))
    }

    @Test func damagedListsAreRefused() {
        let good = SortedList(cap: 4, entries: [ListEntry(tweet: TweetID(1)), ListEntry(tweet: TweetID(2))]).stored()
        #expect(throws: BinaryDecodingError.self) { try SortedList(decoding: Array(good.dropLast())) }
        #expect(throws: BinaryDecodingError.self) { try SortedList(decoding: []) }
        var newer = good
        newer[0] = 9
        #expect(throws: BinaryDecodingError.newerVersion(9)) { try SortedList(decoding: newer) }
        var disordered = good
        disordered[4] = 0
        #expect(throws: BinaryDecodingError.invalid("list out of order")) { try SortedList(decoding: disordered) }
        var overfull = good
        overfull[2] = 1
        #expect(throws: BinaryDecodingError.self) { try SortedList(decoding: overfull) }
    }

    @Test func pagesReadInPlaceAgreeWithTheWholeList() throws {
        let list = SortedList(cap: 100, entries: (1...100).map { ListEntry(tweet: TweetID(UInt64($0 * 10))) })
        let packed = try PackedList(stored: list.stored())
        #expect(packed.floor == list.floor)
        for id in stride(from: UInt64(0), through: 1_010, by: 5) {
            let expected = list.entries.firstIndex { $0.tweet < TweetID(id) } ?? list.entries.count
            #expect(packed.firstIndex(below: TweetID(id)) == expected)
        }
        #expect(packed.entry(at: 100) == nil)
        #expect(packed.entry(at: -1) == nil)
    }
}
