import Model
import Node
import Randomness
import Testing

@Suite struct ActorQueueTests {
    private let alice = Actor.user(UserID(1))

    /// As many as a partition takes, many times over: each is one step, however many wait.
    @Test func aLongLineIsWorkedOffInOrder() {
        var queue = ActorQueue<Int>()
        check(queue.arrive(.write, for: alice, 0))
        let count = 300_000
        for number in 1...count {
            check(!queue.arrive(.read, for: alice, number))
        }
        queue.entered(alice)
        queue.answered(alice)
        var last = 0
        while let next = queue.next(alice), next == last + 1 {
            last = next
        }
        #expect(last == count && queue.waitingCount == 0)
    }

    @Test func writesEnterInOrderAndReadsWaitForTheirAnswers() {
        var queue = ActorQueue<Int>()
        check(queue.arrive(.write, for: alice, 1))
        check(!queue.arrive(.write, for: alice, 2))  // the first has not entered the log
        check(!queue.arrive(.read, for: alice, 3))
        check(!queue.arrive(.write, for: alice, 4))
        queue.entered(alice)
        check(queue.next(alice) == 2)
        check(queue.next(alice) == nil)  // a read behind two writes
        queue.entered(alice)
        check(queue.next(alice) == nil)
        queue.answered(alice)
        check(queue.next(alice) == nil)
        queue.answered(alice)
        check(queue.next(alice) == 3)
        check(queue.next(alice) == 4)
        queue.entered(alice)
        queue.answered(alice)
        #expect(queue.waitingCount == 0)
        check(queue.arrive(.exclusiveWrite, for: alice, 5))
    }

    @Test func actorsDoNotWaitForEachOther() {
        var queue = ActorQueue<Int>()
        check(queue.arrive(.write, for: alice, 1))
        check(queue.arrive(.write, for: .user(UserID(2)), 2))
        check(queue.arrive(.read, for: .user(UserID(3)), 3))
        check(queue.arrive(.exclusiveWrite, for: .name("alice"), 4))
        check(!queue.arrive(.exclusiveWrite, for: .name("alice"), 5))
        queue.entered(.name("alice"))
        check(queue.next(.name("alice")) == nil)
        queue.answered(.name("alice"))
        check(queue.next(.name("alice")) == 5)
    }

    @Test func randomWorkAllBeginsInOrder() {
        var random = SeededGenerator(seed: 8)
        for _ in 0..<500 {
            var queue = ActorQueue<Int>()
            var begun: [Int] = []
            var (entering, unanswered): ([Int], Int) = ([], 0)
            var kinds: [Bool] = []
            func begin(_ work: Int, _ isWrite: Bool) {
                begun.append(work)
                if isWrite {
                    entering.append(work)
                    unanswered += 1
                }
            }
            for work in 0..<30 {
                let isWrite = random.one(in: 2)
                kinds.append(isWrite)
                if queue.arrive(isWrite ? .write : .read, for: alice, work) { begin(work, isWrite) }
                while random.one(in: 2) || (work == 29 && unanswered > 0) {
                    if !entering.isEmpty {
                        entering.removeFirst()
                        queue.entered(alice)
                    } else if unanswered > 0 {
                        unanswered -= 1
                        queue.answered(alice)
                    } else {
                        break
                    }
                    while let next = queue.next(alice) {
                        begin(next, kinds[next])
                    }
                }
            }
            #expect(begun == Array(0..<30))
            #expect(queue.waitingCount == 0)
        }
    }
}

/// `#expect` for expressions that change what they look at, which the macro cannot capture.
private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
