import Simulator
import Testing

@Suite struct MailProperty {
    @Test func everyLetterThatNobodyLostArrivesOnceAndInOrder() {
        var losses = 0
        for seed in 1...UInt64(200) {
            let result = MailWorld.run(seed: seed)
            #expect(result.violation == nil, "seed \(seed)")
            losses += result.losses
        }
        #expect(losses > 0)
    }
}
