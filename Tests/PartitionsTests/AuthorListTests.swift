import Model
import Partitions
import Randomness
import Testing

@Suite struct AuthorListTests {
    @Test func whatIsStoredAndWhatCameSinceAreReadAsOneList() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("author lists: seed \(seed)")
        var random = SeededGenerator(seed: seed)
        var cuts = 0
        for _ in 0..<2_000 {
            let cap = Int.random(in: 1...12, using: &random)
            let stored = SortedList(cap: cap, entries: Self.entries(upTo: 16, using: &random))
            var tail = ListTail()
            for entry in Self.entries(upTo: 12, using: &random) {
                _ = tail.insert(entry)
            }
            let together = (0..<tail.count).compactMap { tail.entry(at: $0) } + stored.entries
            let expected = SortedList(cap: cap, entries: together)

            let list = AuthorList(stored: try PackedList(stored: stored.stored()), tail: tail, cap: cap)
            let shown = list.parts.flatMap { part in (0..<part.count).compactMap { part.run.entry(at: $0)?.tweet } }
            #expect(Set(shown) == Set(expected.entries.map(\.tweet)))
            #expect(list.entries(cap: cap) == expected)
            cuts += Set(together.map(\.tweet)).count > cap ? 1 : 0
        }
        #expect(cuts > 100)
    }

    @Test func aListThatIsNotStoredIsItsTail() {
        var tail = ListTail()
        for tweet in 1...5 {
            _ = tail.insert(ListEntry(tweet: TweetID(UInt64(tweet)), arrival: 1))
        }
        let list = AuthorList(stored: nil, tail: tail, cap: 3)
        #expect(list.entries(cap: 3).entries.map(\.tweet.rawValue) == [5, 4, 3])
    }

    private static func entries(upTo count: Int, using random: inout SeededGenerator) -> [ListEntry] {
        (0..<Int.random(in: 0...count, using: &random)).map { _ in
            ListEntry(
                tweet: TweetID(UInt64.random(in: 1...30, using: &random)),
                arrival: 7,
                isRemoved: Bool.random(using: &random)
            )
        }
    }
}
