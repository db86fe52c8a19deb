import Simulator
import Testing

@Suite struct MailProperty {
    @Test(arguments: 1...UInt64(80)) func everyLetterThatNobodyLostArrivesOnceAndInOrder(seed: UInt64) {
        #expect(MailWorld.violation(seed: seed) == nil, "seed \(seed)")
    }
}
