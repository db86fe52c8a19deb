import Model
import NIOCore
import Node
import Testing

@Suite struct UnappliedEntriesTests {
    /// Entries 1 to 6: a write, mail and one of the partition's own, twice.
    private func entries() -> UnappliedEntries {
        var entries = UnappliedEntries()
        for index in 1...6 {
            entries.append(
                UnappliedEntry(epoch: 1, index: LogIndex(index), entry: nil, bytes: 10 * index, origin: origin(index))
            )
        }
        return entries
    }

    private func origin(_ index: Int) -> Origin {
        switch index % 3 {
        case 1: .write(write(index))
        case 2: .mail { _ in }
        default: .own
        }
    }

    private func write(_ index: Int) -> Write {
        Write(
            command: .continueDeletion(UserID(1)),
            actor: .user(UserID(UInt64(index))),
            began: .uptimeNanoseconds(0),
            term: UInt64(index),
            completion: { _ in }
        )
    }

    private func name(_ origin: Origin) -> String {
        switch origin {
        case .write(let write): "write \(write.term)"
        case .mail: "mail"
        case .own: "own"
        }
    }

    @Test func onlyWhatIsCommittedIsNext() {
        var entries = entries()
        #expect(entries.first(upTo: 0) == nil)
        #expect(entries.first(upTo: 1)?.index == 1)
        entries.removeFirst()
        #expect(entries.first(upTo: 1) == nil)
        #expect(entries.first(upTo: 9)?.index == 2)
        #expect(entries.count == 5)
        #expect(entries.bytes == 200)
    }

    @Test func whatTheLogLosesIsRemovedFromTheEnd() {
        var entries = entries()
        let removed = entries.removeAll(behind: 3).map(name)
        #expect(removed == ["own", "mail", "write 4"])
        #expect(entries.map(\.index) == [1, 2, 3])
        #expect(entries.bytes == 60)
        let none = entries.removeAll(behind: 3).map(name)
        #expect(none.isEmpty)
    }

    @Test func whoWaitsForWhatIsCommittedGoesOnWaiting() {
        var entries = entries()
        let disowned = entries.disown(behind: 3).map(name)
        #expect(disowned == ["write 4", "mail", "own"])
        #expect(entries.origins.map(name) == ["write 1", "mail", "own", "own", "own", "own"])
        #expect(entries.count == 6)
    }

    @Test func nobodyWaitsWhereEverybodyIsReleased() {
        var entries = entries()
        let released = entries.disown(behind: 0).map(name)
        #expect(released == ["write 1", "mail", "own", "write 4", "mail", "own"])
        let again = entries.disown(behind: 0).map(name)
        #expect(Set(again) == ["own"])
        #expect(entries.count == 6)
    }
}
