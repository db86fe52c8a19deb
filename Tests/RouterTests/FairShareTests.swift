import Router
import Testing

@Suite struct FairShareTests {
    @Test func whatIsBeyondTheLimitBeginsInItsOrder() {
        var share = FairShare<String, Int>(limit: 2)
        let began = (0..<5).map { share.arrive("alice", $0) }
        #expect(began == [true, true, false, false, false])
        // Others do not wait for alice.
        let other = share.arrive("bob", 9)
        #expect(other)
        var next = [share.end("alice"), share.end("alice")]
        #expect(next == [2, 3])
        let isSixthBegun = share.arrive("alice", 5)
        #expect(!isSixthBegun)
        next = (0..<4).map { _ in share.end("alice") }
        #expect(next == [4, 5, nil, nil])
        // Nothing of hers is left: two may begin again.
        let again = (6..<9).map { share.arrive("alice", $0) }
        #expect(again == [true, true, false])
    }
}
