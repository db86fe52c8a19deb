import NIOCore
import Router
import Testing
import Wire

@Suite struct ReplyQueueTests {
    @Test func repliesLeaveInTheOrderOfTheirCommands() {
        var queue = ReplyQueue()
        let numbers = (0..<3).map { _ in queue.reserve(.two) }
        queue.set(.integer(2), at: numbers[2])
        queue.refuse(.error("BUSY"), at: numbers[1])
        queue.encode()
        #expect(left(&queue) == nil && !queue.isEmpty)
        queue.set(.integer(0), at: numbers[0])
        #expect(left(&queue) == nil)
        queue.encode()
        #expect(queue.count == 0 && !queue.isEmpty)
        #expect(left(&queue) == ":0\r\n-BUSY\r\n:2\r\n")
        #expect(queue.isEmpty)
    }

    @Test func aReplyIsInTheVersionOfItsCommandAndThatOfAHelloInTheNewOne() {
        var queue = ReplyQueue()
        let numbers = [queue.reserve(.two), queue.reserve(.two), queue.reserve(.three)]
        queue.set(.null, at: numbers[2])
        queue.set(.null, as: .three, at: numbers[1])
        queue.set(.null, at: numbers[0])
        queue.encode()
        #expect(left(&queue) == "$-1\r\n_\r\n_\r\n")
    }

    @Test func refusalsKeepNobodyOutAndAreBounded() {
        var queue = ReplyQueue()
        _ = queue.reserve(.two)
        while queue.hasRoom(limit: 2, bytes: .max), queue.count < 1_000 {
            queue.refuse(.error("BUSY"), at: queue.reserve(.two))
        }
        #expect(queue.count == 16)
        queue = ReplyQueue()
        let first = queue.reserve(.two)
        queue.refuse(.error("BUSY"), at: queue.reserve(.two))
        #expect(queue.hasRoom(limit: 2, bytes: .max))
        _ = queue.reserve(.two)
        #expect(!queue.hasRoom(limit: 2, bytes: .max))
        queue.set(.integer(0), at: first)
        queue.encode()
        #expect(left(&queue) == ":0\r\n-BUSY\r\n" && queue.hasRoom(limit: 2, bytes: .max))
    }

    /// One reply is counted once, whatever became of its place meanwhile.
    @Test func onlyTheFirstReplyOfACommandCounts() {
        var queue = ReplyQueue()
        let numbers = [queue.reserve(.two), queue.reserve(.two)]
        queue.set(.integer(1), at: numbers[1])
        queue.refuse(.error("BUSY"), at: numbers[1])
        queue.encode()
        queue.set(.integer(2), at: numbers[1])
        queue.set(.integer(0), at: numbers[0])
        queue.encode()
        queue.set(.integer(3), at: numbers[0])
        queue.encode()
        #expect(left(&queue) == ":0\r\n:1\r\n" && queue.isEmpty && queue.waitingBytes == 0)
    }

    /// A client may ask for a thousand long pages behind one command that nobody answers.
    @Test func whatWaitsIsCountedInBytes() {
        var queue = ReplyQueue()
        let first = queue.reserve(.two)
        let long = RESPValue.bulk(String(repeating: "x", count: 1_000))
        while queue.hasRoom(limit: 100, bytes: 10_000) {
            queue.set(long, at: queue.reserve(.two))
            queue.encode()
        }
        #expect(queue.count == 11 && queue.waitingBytes == 10 * 1_009 && queue.readyBytes == 0)
        queue.set(.null, at: first)
        queue.encode()
        #expect(queue.waitingBytes == 0 && queue.readyBytes == 10 * 1_009 + 5)
        // It leaves in pieces.
        #expect(queue.next(atMost: 10_000)?.readableBytes == 10_000)
        #expect(queue.next(atMost: 10_000)?.readableBytes == 95)
        #expect(queue.isEmpty)
    }

    private func left(_ queue: inout ReplyQueue) -> String? {
        queue.next(atMost: .max).map { String(buffer: $0) }
    }
}
