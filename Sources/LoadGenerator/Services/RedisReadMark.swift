/// Up to where a reader has read a list of Redis: how long it was, and its last entry, which tells whether it was trimmed since.
package struct RedisReadMark: Hashable, Sendable {
    /// Lists are trimmed long before they have so many entries.
    private static let lengthBits: UInt64 = 12

    package let length: UInt64
    package let last: UInt64

    package init(length: UInt64, last: UInt64) {
        self.length = min(length, 1 << RedisReadMark.lengthBits - 1)
        self.last = last
    }

    package init(packed: UInt64) {
        self.init(length: packed & (1 << RedisReadMark.lengthBits - 1), last: packed >> RedisReadMark.lengthBits)
    }

    /// Both as one number: ids of Redis's tweets are counted, and have room.
    package var packed: UInt64 { last << RedisReadMark.lengthBits | length }
}
