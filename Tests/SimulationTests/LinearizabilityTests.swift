import Model
import Randomness
import Simulator
import Testing

/// The checker itself: one that says yes to everything proves nothing.
@Suite struct LinearizabilityTests {
    private func write(_ value: UInt64, _ from: UInt64, _ to: UInt64?) -> History.Operation {
        operation(.write(RegisterWrite(key: 0, value: value)), .written, from, to)
    }

    private func read(_ value: UInt64?, _ from: UInt64, _ to: UInt64) -> History.Operation {
        operation(.read(0), .value(value), from, to)
    }

    private func operation(
        _ operation: RegisterRequest.Operation,
        _ result: RegisterAnswer.Result,
        _ from: UInt64,
        _ to: UInt64?
    ) -> History.Operation {
        History.Operation(
            client: 0,
            partition: PartitionID(0),
            operation: operation,
            calledAt: from,
            answer: to.map { History.Answer(at: $0, result: result) }
        )
    }

    private func holds(_ operations: History.Operation...) -> Bool { RegisterOrder(operations).exists() }

    @Test func whatOverlapsMayComeInAnyOrder() {
        #expect(holds(write(1, 0, 10), read(nil, 2, 4), read(1, 5, 6)))
        #expect(holds(write(1, 0, 10), write(2, 0, 10), read(1, 11, 12)))
        #expect(holds(write(1, 0, 10), write(2, 0, 10), read(2, 11, 12)))
    }

    @Test func aReadSeesWhatWasAnsweredBefore() {
        #expect(!holds(write(1, 0, 10), read(nil, 11, 12)))
        #expect(!holds(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)))
        #expect(!holds(write(1, 0, 10), read(1, 2, 3), read(nil, 4, 5)))
    }

    @Test func whatNobodyAnsweredMayHappenLaterOrNever() {
        #expect(holds(write(1, 0, nil), read(nil, 11, 12), read(1, 20, 21)))
        #expect(holds(write(1, 0, nil), read(nil, 11, 12)))
        #expect(!holds(write(1, 0, nil), read(1, 11, 12), read(nil, 13, 14)))
        #expect(!holds(write(1, 30, nil), read(1, 11, 12)))
    }

    @Test(arguments: 1...UInt64(20)) func theQuickAnswerIsThatOfTheSearch(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var verdicts: Set<Bool> = []
        for _ in 0..<500 {
            let operations = someOperations(using: &random)
            let expected = RegisterSearch(operations: operations).findsOrder()
            #expect(RegisterOrder(operations).exists() == expected, "seed \(seed): \(operations)")
            verdicts.insert(expected)
        }
        #expect(verdicts == [true, false])
    }

    /// Writes of different values, some never answered, and reads of any value, overlapping at random.
    private func someOperations(using random: inout SeededGenerator) -> [History.Operation] {
        let writes = UInt64.random(in: 1...4, using: &random)
        return (1...UInt64.random(in: 2...7, using: &random)).map { number in
            let from = UInt64.random(in: 0...20, using: &random)
            let to = from + UInt64.random(in: 0...10, using: &random)
            if number <= writes { return write(number, from, random.one(in: 3) ? nil : to) }
            let value = UInt64.random(in: 0...writes, using: &random)
            return read(value == 0 ? nil : value, from, to)
        }
    }
}
