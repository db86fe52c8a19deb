import Model

/// Lists of references: what deliveries and home reads are made of.
enum ListBenchmarks {
    private static func list(_ ids: some Sequence<UInt64>) -> SortedList {
        SortedList(cap: 800, entries: ids.map { ListEntry(tweet: TweetID($0), arrival: LogIndex($0)) })
    }

    private static func merge(_ existing: [UInt8], _ operand: [UInt8]) throws -> [UInt8] {
        try existing.withUnsafeBytes { existing in
            try operand.withUnsafeBytes { operand in
                try SortedListMerge.merge(existing: existing, operands: [operand])
            }
        }
    }

    static var all: [Microbenchmark] {
        [
            Microbenchmark("append-to-tail", count: 50_000) {
                var tail = ListTail()
                return { number in
                    if tail.count == 64 { tail.removeAll() }
                    _ = tail.insert(ListEntry(tweet: TweetID(UInt64(number)), arrival: LogIndex(number)))
                }
            },
            Microbenchmark("merge-newer", count: 2_000) {
                let existing = list((1...800).map { UInt64($0) }).stored()
                let operand = list((801...864).map { UInt64($0) }).stored()
                return { _ in keep(try merge(existing, operand)) }
            },
            Microbenchmark("merge-overlapping", count: 500) {
                let existing = list((1...800).map { UInt64($0 * 2) }).stored()
                let operand = list((700...763).map { UInt64($0 * 2 + 1) }).stored()
                return { _ in keep(try merge(existing, operand)) }
            },
            Microbenchmark("read-packed-page", count: 10_000) {
                let stored = list((1...800).map { UInt64($0) }).stored()
                return { number in
                    let list = try PackedList(stored: stored)
                    let first = list.firstIndex(below: TweetID(UInt64(400 + number % 400)))
                    for index in first..<min(first + 50, list.count) {
                        keep(list.entry(at: index))
                    }
                }
            },
        ]
    }
}
