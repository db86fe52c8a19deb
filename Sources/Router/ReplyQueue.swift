internal import DequeModule
package import NIOCore
package import Wire

/// Replies of one connection: they become ready in any order and leave in the order of the commands. Those that wait longer than
/// until `encode` are kept as the bytes that are sent, so that what is held is known.
package struct ReplyQueue {
    /// Refusals are small, and keep nothing else out; but they are bounded too.
    private static let refusalsPerReply = 8
    /// Bytes that a turn of the loop sends to most clients: room for them is made at once.
    private static let usualOutput = 1_024
    /// Replies that most turns of the loop have at most.
    private static let usualReplies = 64
    /// The most that is kept to write replies into that have to wait.
    private static let largestScratch = 65_536

    private enum Reply {
        case value(RESPValue)
        case bytes(ByteBuffer)
    }

    private struct Slot {
        var reply: Reply?
        /// Whether the command was refused before any work.
        var isRefusal = false
        /// The protocol version when the command arrived; of the reply, once there is one.
        var version: RESPVersion
    }

    private var slots: Deque<Slot> = []
    /// The number of the command whose reply is first.
    private var first: UInt64 = 0
    private var refusals = 0
    /// The numbers of replies that are values yet.
    private var unencoded: [UInt64] = []
    /// Replies that may leave.
    private var output = ByteBuffer()
    /// Where a reply that has to wait is written before it is kept in as many bytes as it has: it grows word by word only here.
    private var scratch = ByteBuffer()

    /// The bytes of encoded replies that wait behind others'.
    package private(set) var waitingBytes = 0

    package init() {}

    /// How many commands have no reply that may leave.
    package var count: Int { slots.count }
    package var isEmpty: Bool { slots.isEmpty && output.readableBytes == 0 }
    /// The bytes of encoded replies that may leave.
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
        guard let index = index(of: number), slots[index].reply == nil else { return }
        slots[index].reply = .value(value)
        slots[index].isRefusal = isRefusal
        if let version { slots[index].version = version }
        if isRefusal { refusals += 1 }
        unencoded.append(number)
    }

    private func index(of number: UInt64) -> Int? {
        guard number >= first, number - first < UInt64(slots.count) else { return nil }
        return Int(number - first)
    }

    /// Writes the replies of a turn: those that may leave where they leave from, the others to be kept.
    package mutating func encode() {
        guard !unencoded.isEmpty else { return }
        drainReady()
        for number in unencoded {
            guard let index = index(of: number), case .value(let value)? = slots[index].reply else { continue }
            let bytes = encoded(value, as: slots[index].version)
            waitingBytes += bytes.readableBytes
            slots[index].reply = .bytes(bytes)
        }
        unencoded.removeAll(keepingCapacity: unencoded.count <= ReplyQueue.usualReplies)
    }

    private mutating func encoded(_ value: RESPValue, as version: RESPVersion) -> ByteBuffer {
        scratch.clear()
        scratch.write(value, as: version)
        defer { if scratch.storageCapacity > ReplyQueue.largestScratch { scratch = ByteBuffer() } }
        return ByteBuffer(bytes: scratch.readableBytesView)
    }

    private mutating func drainReady() {
        while let reply = slots.first?.reply {
            switch reply {
            case .bytes(let bytes):
                output.writeImmutableBuffer(bytes)
                waitingBytes -= bytes.readableBytes
            case .value(let value):
                if output.storageCapacity == 0 { output.reserveCapacity(ReplyQueue.usualOutput) }
                output.write(value, as: slots[0].version)
            }
            removeFirst()
        }
    }

    private mutating func removeFirst() {
        if slots.removeFirst().isRefusal { refusals -= 1 }
        first += 1
    }

    /// - Parameters:
    ///   - limit: of commands that are being served, or whose replies wait behind others'.
    ///   - bytes: of encoded replies that wait behind others'.
    package func hasRoom(limit: Int, bytes: Int) -> Bool {
        slots.count - refusals < limit && slots.count < limit * ReplyQueue.refusalsPerReply && waitingBytes < bytes
    }

    /// The next bytes that may leave, if any, so many at most: of what is encoded.
    package mutating func next(atMost size: Int) -> ByteBuffer? {
        guard output.readableBytes > 0 else { return nil }
        if output.readableBytes > size { return output.readSlice(length: size) }
        // Clients that ask for nothing keep nothing.
        if waitingBytes == 0 { scratch = ByteBuffer() }
        defer { output = ByteBuffer() }
        return output
    }
}
