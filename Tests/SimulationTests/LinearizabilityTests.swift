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
        _ operation: ClientOperation,
        _ result: ClientAnswer.Result,
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
            let expected = ExhaustiveSearch(operations: operations).findsOrder()
            #expect(RegisterOrder(operations).exists() == expected, "seed \(seed): \(operations)")
            verdicts.insert(expected)
        }
        #expect(verdicts == [true, false])
    }

    @Test(arguments: 1...UInt64(20)) func setsAndNamesAreSearchedAsByTryingAll(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var verdicts: Set<Bool> = []
        for round in 0..<500 {
            let operations = round % 2 == 0 ? someEdits(using: &random) : someClaims(using: &random)
            let expected = ExhaustiveSearch(operations: operations).findsOrder()
            #expect(SequentialSearch(operations).findsOrder() == expected, "seed \(seed): \(operations)")
            verdicts.insert(expected)
        }
        #expect(verdicts == [true, false])
    }

    @Test func anElementIsThereOnce() {
        func add(_ changed: Bool, _ from: UInt64, _ to: UInt64?) -> History.Operation {
            operation(.edit(SetEdit(element: 0, adds: true)), .changed(changed), from, to)
        }
        #expect(SequentialSearch([add(true, 0, 5), add(false, 1, 6)]).findsOrder())
        #expect(!SequentialSearch([add(true, 0, 5), add(true, 1, 6)]).findsOrder())
        #expect(!SequentialSearch([add(false, 0, 5), add(true, 6, 7)]).findsOrder())
        #expect(SequentialSearch([add(true, 0, nil), add(false, 6, 7)]).findsOrder())
    }

    @Test func aNameHasOneOwner() {
        func take(_ owner: UInt64, _ found: UInt64, _ from: UInt64, _ to: UInt64?) -> History.Operation {
            operation(.claim(NameClaim(name: 0, owner: owner, takes: true)), .value(found), from, to)
        }
        #expect(SequentialSearch([take(1, 1, 0, 5), take(2, 1, 1, 6)]).findsOrder())
        #expect(!SequentialSearch([take(1, 1, 0, 5), take(2, 2, 1, 6)]).findsOrder())
        // One that nobody was told of may own it.
        #expect(SequentialSearch([take(1, 1, 0, nil), take(2, 1, 1, 6)]).findsOrder())
        let release = operation(.claim(NameClaim(name: 0, owner: 1, takes: false)), .changed(true), 6, 7)
        #expect(SequentialSearch([take(1, 1, 0, 5), release, take(2, 2, 8, 9)]).findsOrder())
        #expect(!SequentialSearch([take(1, 1, 0, 5), release, take(2, 1, 8, 9)]).findsOrder())
    }

    /// Times that overlap at random; no end for some.
    private func someTimes(using random: inout SeededGenerator) -> (from: UInt64, to: UInt64?) {
        let from = UInt64.random(in: 0...20, using: &random)
        return (from, random.one(in: 4) ? nil : from + UInt64.random(in: 0...10, using: &random))
    }

    private func someEdits(using random: inout SeededGenerator) -> [History.Operation] {
        (0...UInt64.random(in: 1...6, using: &random)).map { _ in
            let (from, to) = someTimes(using: &random)
            if let to, random.one(in: 3) { return operation(.contains(0), .found(random.one(in: 2)), from, to) }
            let edit = SetEdit(element: 0, adds: random.one(in: 2))
            return operation(.edit(edit), .changed(random.one(in: 2)), from, to)
        }
    }

    private func someClaims(using random: inout SeededGenerator) -> [History.Operation] {
        let owners: UInt64 = 3
        return (0...UInt64.random(in: 1...6, using: &random)).map { number in
            let (from, to) = someTimes(using: &random)
            let owner = UInt64.random(in: 0..<owners, using: &random)
            if let to, random.one(in: 4) { return operation(.owner(of: 0), .value(owner), from, to) }
            if random.one(in: 3) {
                let release = NameClaim(name: 0, owner: owner, takes: false)
                return operation(.claim(release), .changed(random.one(in: 2)), from, to)
            }
            let take = NameClaim(name: 0, owner: number % owners, takes: true)
            return operation(.claim(take), .value(owner), from, to)
        }
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
