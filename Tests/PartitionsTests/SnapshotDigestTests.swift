import Model
import Partitions
import Testing

/// What is put together from a snapshot's pages must be what they were cut from.
@Suite struct SnapshotDigestTests {
    private static let records = (0..<20).map { StoredRecord(key: [UInt8($0)], value: Array(repeating: 7, count: $0)) }

    private func digest(_ pages: [[StoredRecord]]) -> UInt32 {
        var digest = SnapshotDigest()
        for page in pages { digest.add(page) }
        return digest.value
    }

    @Test func itIsOfTheRecordsAndNotOfThePages() {
        let whole = digest([Self.records])
        #expect(digest([Array(Self.records[..<7]), Array(Self.records[7...]), []]) == whole)
        #expect(digest(Self.records.map { [$0] }) == whole)
    }

    @Test func aPageThatIsMissingRepeatedOrElsewhereIsNoticed() {
        let pages = [Array(Self.records[..<7]), Array(Self.records[7..<12]), Array(Self.records[12...])]
        let whole = digest(pages)
        #expect(digest([pages[0], pages[2]]) != whole)
        #expect(digest([pages[0], pages[1], pages[1], pages[2]]) != whole)
        #expect(digest([pages[1], pages[0], pages[2]]) != whole)
        let shifted = [StoredRecord(key: [1, 2], value: [3])]
        let other = [StoredRecord(key: [1], value: [2, 3])]
        #expect(digest([shifted]) != digest([other]))
    }
}
