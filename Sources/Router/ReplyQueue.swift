internal import DequeModule
package import Wire

/// Replies of one connection: they become ready in any order and leave in the order of the commands.
package struct ReplyQueue {
    /// Refusals are small, and keep nothing else out; but they are bounded too.
    private static let refusalsPerReply = 8

    private struct Slot {
        var value: RESPValue?
        /// Whether the command was refused before any work.
        var isRefusal = false
        /// The protocol version when the command arrived.
        let version: RESPVersion
    }

    private var slots: Deque<Slot> = []
    /// The number of the command whose reply is first.
    private var first: UInt64 = 0

    private var refusals = 0

    package init() {}

    package var count: Int { slots.count }
    package var isEmpty: Bool { slots.isEmpty }

    /// A place for the reply of the next command.
    package mutating func reserve(_ version: RESPVersion) -> UInt64 {
        slots.append(Slot(value: nil, version: version))
        return first + UInt64(slots.count) - 1
    }

    package mutating func set(_ value: RESPValue, at number: UInt64) {
        guard number >= first, number - first < UInt64(slots.count) else { return }
        slots[Int(number - first)].value = value
    }

    /// Answers a command that was refused before any work: what waits behind slow commands then does not take the place of
    /// commands that may be served.
    package mutating func refuse(_ value: RESPValue, at number: UInt64) {
        guard number >= first, number - first < UInt64(slots.count) else { return }
        slots[Int(number - first)].value = value
        slots[Int(number - first)].isRefusal = true
        refusals += 1
    }

    /// - Parameter limit: of commands that are being served, or whose replies wait behind others'.
    package func hasRoom(limit: Int) -> Bool {
        slots.count - refusals < limit && slots.count < limit * ReplyQueue.refusalsPerReply
    }

    /// Changes the version of the reply in a place, for `HELLO`, whose own reply is in the new one.
    package mutating func set(_ value: RESPValue, as version: RESPVersion, at number: UInt64) {
        guard number >= first, number - first < UInt64(slots.count) else { return }
        slots[Int(number - first)] = Slot(value: value, version: version)
    }

    /// The next reply that may leave.
    package mutating func next() -> (value: RESPValue, version: RESPVersion)? {
        guard let slot = slots.first, let value = slot.value else { return nil }
        slots.removeFirst()
        first += 1
        if slot.isRefusal { refusals -= 1 }
        return (value, slot.version)
    }
}
