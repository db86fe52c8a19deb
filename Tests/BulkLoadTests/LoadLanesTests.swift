import BulkLoad
import Testing

@Suite struct LoadLanesTests {
    private struct Step: Equatable {
        let actor: UInt64
        let number: Int
    }

    private func lanes(_ steps: [(UInt64, Int)]) -> LoadLanes<Step> {
        LoadLanes(steps.map { Step(actor: $0.0, number: $0.1) }) { $0.actor }
    }

    @Test func oneStepOfEachActorAtATimeInOrder() {
        var lanes = lanes([(7, 1), (7, 2), (8, 3), (7, 4), (8, 5)])
        let rounds = (0..<4).map { _ in lanes.takeNext().map(\.number) }
        #expect(rounds == [[1, 3], [2, 5], [4], []])
        #expect(lanes.isEmpty)
    }

    @Test func whatIsPutBackComesBeforeItsActorsOthers() {
        var lanes = lanes([(7, 1), (7, 2), (8, 3)])
        let first = lanes.takeNext()
        lanes.putBack([first[0]])
        #expect(lanes.count == 2)
        var numbers = lanes.takeNext().map(\.number)
        #expect(numbers == [1])
        // In parts, in front of what was behind it; an actor that had nothing left comes again.
        lanes.putBack([Step(actor: 7, number: 10), Step(actor: 7, number: 11)])
        lanes.putBack([first[1]])
        numbers = (0..<3).flatMap { _ in lanes.takeNext().map(\.number) }
        #expect(numbers == [10, 3, 11, 2])
        #expect(lanes.isEmpty)
    }

    /// A batch of one actor's lines alone must not take the square of its length.
    @Test func manyStepsOfOneActor() {
        var lanes = lanes((0..<100_000).map { (7, $0) })
        var expected = 0
        while !lanes.isEmpty {
            let next = lanes.takeNext()
            guard next.map(\.number) == [expected] else {
                Issue.record("step \(expected) is out of order")
                return
            }
            expected += 1
        }
        #expect(expected == 100_000)
    }
}
