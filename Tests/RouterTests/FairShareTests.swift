import Model
import NIOCore
import Router
import Testing

@Suite struct FairShareTests {
    private let alice = UserID(1)
    private let bob = UserID(2)
    private let start = NIODeadline.now()

    /// A share that knows of a command of somebody else at `start`.
    private func shared(free: Int = 2) -> FairShare<String> {
        var share = FairShare<String>(free: free, mostWaiting: 3)
        share.note(bob, now: start)
        share.note(alice, now: start)
        return share
    }

    @Test func aFewCommandsAreAlwaysLetThrough() {
        var share = shared()
        #expect(share.mayBegin(alice, among: 0, now: start))
        share.begin(alice)
        #expect(share.mayBegin(alice, among: 1, now: start))
        share.begin(alice)
        #expect(!share.mayBegin(alice, among: 2, now: start))
        share.end(alice)
        #expect(share.mayBegin(alice, among: 1, now: start))
    }

    @Test func aQuarterOfWhatOthersHaveIsFair() {
        var share = shared()
        for _ in 0..<5 {
            share.begin(alice)
        }
        #expect(!share.mayBegin(alice, among: 5 + 23, now: start))
        #expect(share.mayBegin(alice, among: 5 + 24, now: start))
    }

    @Test func whoIsAloneIsNotHeldUp() {
        var share = shared(free: 1)
        share.begin(alice)
        let later = start + FairShare<String>.memory + .nanoseconds(1)
        share.note(alice, now: later)
        #expect(share.mayBegin(alice, among: 1, now: later))
        #expect(!share.mayBegin(alice, among: 1, now: start + FairShare<String>.memory))
        // Somebody of whom nothing is known is somebody.
        share.note(nil, now: later)
        share.note(alice, now: later)
        #expect(!share.mayBegin(alice, among: 1, now: later))
    }

    @Test func twoUsersKnowOfEachOther() {
        var share = FairShare<String>(free: 1, mostWaiting: 3)
        share.note(alice, now: start)
        share.begin(alice)
        #expect(share.mayBegin(alice, among: 1, now: start))
        share.note(bob, now: start)
        share.begin(bob)
        #expect(!share.mayBegin(alice, among: 2, now: start))
        #expect(!share.mayBegin(bob, among: 2, now: start))
    }

    @Test func whatWaitsGoesOnInItsOrder() {
        var share = shared(free: 1)
        let end = start + .seconds(1)
        share.begin(alice)
        let kept = [
            share.wait(alice, from: 7, until: end, "first"), share.wait(alice, from: 8, until: end, "second"),
            share.wait(alice, from: 7, until: end, "third"),
        ]
        #expect(kept == [true, true, true] && share.waitingCount == 3)
        #expect(share.next(of: alice, among: 1, now: start) == nil)
        share.end(alice)
        var taken: [String?] = [share.next(of: alice, among: 0, now: start)?.work]
        #expect(share.isWaiting(alice, from: 7) && share.isWaiting(alice, from: 8))
        taken.append(share.next(of: alice, among: 0, now: start)?.work)
        #expect(share.isWaiting(alice, from: 7) && !share.isWaiting(alice, from: 8) && !share.isWaiting(bob))
        taken.append(share.next(of: alice, among: 0, now: start)?.work)
        #expect(taken == ["first", "second", "third"])
        #expect(!share.isWaiting(alice) && !share.isWaiting(alice, from: 7) && share.waitingCount == 0)
        #expect(share.next(of: alice, among: 0, now: start) == nil)
    }

    @Test func oneUsersCommandsDoNotFillTheRouter() {
        var share = shared(free: 1)
        share.begin(alice)
        let kept = (0..<4).map { share.wait(alice, from: 7, until: start, "\($0)") }
        share.end(alice)
        let first = share.next(of: alice, among: 0, now: start)
        #expect(first?.work == "0" && first?.isLate == true)
        let isKept = share.wait(alice, from: 7, until: start, "after one")
        #expect(isKept)
        #expect(kept == [true, true, true, false])
        let another = share.wait(bob, from: 7, until: start, "another's")
        #expect(another && share.waitingCount == 4)
    }

    @Test func nothingWaitsForLongerThanItMay() {
        var share = shared(free: 1)
        share.begin(alice)
        for (seconds, client) in [(Int64(3), UInt64(7)), (1, 8), (2, 7)] {
            let isKept = share.wait(alice, from: client, until: start + .seconds(seconds), "\(seconds)")
            #expect(isKept)
        }
        #expect(share.expire(now: start).isEmpty)
        var expired = share.expire(now: start + .seconds(1))
        #expect(expired == ["1"] && !share.isWaiting(alice, from: 8) && share.isWaiting(alice, from: 7))
        expired = share.expire(now: start + .seconds(2))
        #expect(expired == ["2"] && share.waitingCount == 1)
        expired = share.expire(now: start + .seconds(4))
        #expect(expired == ["3"] && share.waitingCount == 0 && !share.isWaiting(alice) && share.waitingUsers.isEmpty)
    }
}
