internal import DequeModule
package import NIOCore
package import Wire

/// Replies of one connection: they become ready in any order and leave in the order of the commands. They are kept as the bytes that
/// are sent, so that what is held is known.
package struct ReplyQueue {
    /// Refusals are small, and keep nothing else out; but they are bounded too.
    private static let refusalsPerReply = 8
    /// Bytes that a turn of the loop sends to most clients: room for them is made at once.
    private static let usualOutput = 1_024
    /// The most that is kept to write replies into that have to wait.
    private static let largestScratch = 65_536

    private struct Slot {
        var reply: ByteBuffer?
        /// Whether the command was refused before any work.
        var isRefusal = false
        /// The protocol version when the command arrived.
        let version: RESPVersion
    }

    private var slots: Deque<Slot> = []
    /// The number of the command whose reply is first.
    private var first: UInt64 = 0
    private var refusals = 0
    /// Replies that may leave.
    private var output = ByteBuffer()
    /// Where a reply that has to wait is written before it is kept in as many bytes as it has: it grows word by word only here.
    private var scratch = ByteBuffer()

    /// The bytes of replies that wait behind others'.
    package private(set) var waitingBytes = 0

    package init() {}

    /// How many commands have no reply that may leave.
    package var count: Int { slots.count }
    package var isEmpty: Bool { slots.isEmpty && output.readableBytes == 0 }
    /// The bytes of replies that may leave.
    package var readyBytes: Int { output.readableBytes }

    /// A place for the reply of the next command.
    package mutating func reserve(_ version: RESPVersion) -> UInt64 {
        slots.append(Slot(version: version))
        return first + UInt64(slots.count) - 1
    }

    /// - Parameter version: for `HELLO`, whose own reply is in the new one.
    package mutating func set(_ value: RESPValue, as version: RESPVersion? = nil, at number: UInt64) {
        settle(value, as: version, at: number, isRefusal: false)
    }

    /// Answers a command that was refused before any work: what waits behind slow commands then does not take the place of
    /// commands that may be served.
    package mutating func refuse(_ value: RESPValue, at number: UInt64) {
        settle(value, as: nil, at: number, isRefusal: true)
    }

    private mutating func settle(_ value: RESPValue, as version: RESPVersion?, at number: UInt64, isRefusal: Bool) {
        guard number >= first, number - first < UInt64(slots.count) else { return }
        let index = Int(number - first)
        let version = version ?? slots[index].version
        guard index > 0 else {
            removeFirst()
            if output.storageCapacity == 0 { output.reserveCapacity(ReplyQueue.usualOutput) }
            output.write(value, as: version)
            return drainReady()
        }
        guard slots[index].reply == nil else { return }
        let bytes = encoded(value, as: version)
        waitingBytes += bytes.readableBytes
        slots[index].reply = bytes
        slots[index].isRefusal = isRefusal
        if isRefusal { refusals += 1 }
    }

    private mutating func encoded(_ value: RESPValue, as version: RESPVersion) -> ByteBuffer {
        scratch.clear()
        scratch.write(value, as: version)
        defer { if scratch.storageCapacity > ReplyQueue.largestScratch { scratch = ByteBuffer() } }
        return ByteBuffer(bytes: scratch.readableBytesView)
    }

    /// What waited only for the replies in front of it may leave.
    private mutating func drainReady() {
        while let bytes = slots.first?.reply {
            output.writeImmutableBuffer(bytes)
            waitingBytes -= bytes.readableBytes
            removeFirst()
        }
    }

    private mutating func removeFirst() {
        if slots.removeFirst().isRefusal { refusals -= 1 }
        first += 1
    }

    /// - Parameters:
    ///   - limit: of commands that are being served, or whose replies wait behind others'.
    ///   - bytes: of replies that wait behind others'.
    package func hasRoom(limit: Int, bytes: Int) -> Bool {
        slots.count - refusals < limit && slots.count < limit * ReplyQueue.refusalsPerReply && waitingBytes < bytes
    }

    /// The next bytes that may leave, if any, so many at most.
    package mutating func next(atMost size: Int) -> ByteBuffer? {
        guard output.readableBytes > 0 else { return nil }
        if output.readableBytes > size { return output.readSlice(length: size) }
        // Clients that ask for nothing keep nothing.
        if waitingBytes == 0 { scratch = ByteBuffer() }
        defer { output = ByteBuffer() }
        return output
    }
}
