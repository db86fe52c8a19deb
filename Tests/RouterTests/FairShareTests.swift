import Model
import Randomness
import Router
import Testing

@Suite struct FairShareTests {
    private static func user(_ id: UInt64) -> Actor { .user(UserID(id)) }

    @Test func whoIsAloneHasNoLimit() {
        var share = FairShare<Int>()
        for number in 0..<10_000 {
            let begins = share.begin(Self.user(1), number)
            #expect(begins)
        }
    }

    @Test func oneUserHasAQuarterOfWhatTheOthersHave() {
        var share = FairShare<Int>()
        for other in 2...21 as ClosedRange<UInt64> {
            let begins = share.begin(Self.user(other), 0)
            #expect(begins)
        }
        let begun = (0..<16).filter { share.begin(Self.user(1), $0) }
        #expect(begun == [0, 1, 2, 3, 4] && share.waitingCount == 11)
        // In their order, one for each that ends.
        var next = share.end(Self.user(1))
        #expect(next == [5])
        // One at a time where the others have little, and all where they have nothing.
        for other in 2...19 as ClosedRange<UInt64> {
            let nobody = share.end(Self.user(other))
            #expect(nobody.isEmpty)
        }
        next = (0..<4).flatMap { _ in share.end(Self.user(1)) }
        #expect(next.isEmpty)
        next = share.end(Self.user(1))
        #expect(next == [6])
        for other in [20, 21] as [UInt64] {
            _ = share.end(Self.user(other))
        }
        next = share.end(Self.user(1))
        #expect(next == Array(7..<16) && share.waitingCount == 0)
    }

    /// Whatever comes and ends in whatever order, nothing is lost, one user's commands begin in their order, and who waits has something
    /// under way.
    @Test(arguments: 1...UInt64(20)) func everythingBeginsInItsOrder(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var share = FairShare<UInt64>()
        var underWay: [UInt64: Int] = [:]
        var begun: [UInt64: [UInt64]] = [:]
        var given: [UInt64: [UInt64]] = [:]
        func note(_ user: UInt64, _ work: UInt64) {
            underWay[user, default: 0] += 1
            begun[user, default: []].append(work)
        }
        for number in 0..<2_000 as Range<UInt64> {
            let user = min(UInt64.random(in: 0..<6, using: &random), UInt64.random(in: 0..<6, using: &random))
            if number < 1_000, random.one(in: 2) {
                given[user, default: []].append(number)
                if share.begin(Self.user(user), number) { note(user, number) }
            } else if let one = underWay.filter({ $0.value > 0 }).keys.sorted().randomElement(using: &random) {
                underWay[one, default: 0] -= 1
                for work in share.end(Self.user(one)) { note(one, work) }
            }
        }
        #expect(begun == given && share.waitingCount == 0, "seed \(seed)")
    }
}
