internal import DequeModule
internal import Wire

/// Replies of one connection: they become ready in any order and leave in the order of the commands.
struct ReplyQueue {
    private struct Slot {
        var value: RESPValue?
        /// The protocol version when the command arrived.
        let version: RESPVersion
    }

    private var slots: Deque<Slot> = []
    /// The number of the command whose reply is first.
    private var first: UInt64 = 0

    var count: Int { slots.count }
    var isEmpty: Bool { slots.isEmpty }

    /// A place for the reply of the next command.
    mutating func reserve(_ version: RESPVersion) -> UInt64 {
        slots.append(Slot(value: nil, version: version))
        return first + UInt64(slots.count) - 1
    }

    mutating func set(_ value: RESPValue, at number: UInt64) {
        guard number >= first, number - first < UInt64(slots.count) else { return }
        slots[Int(number - first)].value = value
    }

    /// Changes the version of the reply in a place, for `HELLO`, whose own reply is in the new one.
    mutating func set(_ value: RESPValue, as version: RESPVersion, at number: UInt64) {
        guard number >= first, number - first < UInt64(slots.count) else { return }
        slots[Int(number - first)] = Slot(value: value, version: version)
    }

    /// The next reply that may leave.
    mutating func next() -> (value: RESPValue, version: RESPVersion)? {
        guard let slot = slots.first, let value = slot.value else { return nil }
        slots.removeFirst()
        first += 1
        return (value, slot.version)
    }
}
