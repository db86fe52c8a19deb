import Router
import Testing
import Wire

@Suite struct ReplyQueueTests {
    @Test func repliesLeaveInTheOrderOfTheirCommands() {
        var queue = ReplyQueue()
        let numbers = (0..<3).map { _ in queue.reserve(.two) }
        queue.set(.integer(2), at: numbers[2])
        queue.refuse(.error("BUSY"), at: numbers[1])
        var sent = left(&queue)
        #expect(sent.isEmpty)
        queue.set(.integer(0), at: numbers[0])
        sent = left(&queue)
        #expect(sent == [.integer(0), .error("BUSY"), .integer(2)])
        #expect(queue.isEmpty)
    }

    @Test func refusalsKeepNobodyOutAndAreBounded() {
        var queue = ReplyQueue()
        _ = queue.reserve(.two)
        while queue.hasRoom(limit: 2), queue.count < 1_000 {
            queue.refuse(.error("BUSY"), at: queue.reserve(.two))
        }
        #expect(queue.count == 16)
        queue = ReplyQueue()
        let first = queue.reserve(.two)
        queue.refuse(.error("BUSY"), at: queue.reserve(.two))
        #expect(queue.hasRoom(limit: 2))
        _ = queue.reserve(.two)
        #expect(!queue.hasRoom(limit: 2))
        queue.set(.integer(0), at: first)
        let sent = left(&queue)
        #expect(sent.count == 2 && queue.hasRoom(limit: 2))
    }

    private func left(_ queue: inout ReplyQueue) -> [RESPValue] {
        var values: [RESPValue] = []
        while let (value, _) = queue.next() { values.append(value) }
        return values
    }
}
