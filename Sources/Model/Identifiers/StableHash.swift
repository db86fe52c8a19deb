/// Hashes that decide placement. They are part of the storage format: they never change.
public enum StableHash {
    /// MurmurHash3's 64-bit finalizer, `fmix64` (Austin Appleby, public domain).
    @inlinable
    public static func hash(_ value: UInt64) -> UInt64 {
        var hash = value
        hash ^= hash >> 33
        hash = hash &* 0xff51_afd7_ed55_8ccd
        hash ^= hash >> 33
        hash = hash &* 0xc4ce_b9fe_1a85_ec53
        hash ^= hash >> 33
        return hash
    }

    /// FNV-1a over the bytes, then `fmix64`, because FNV alone leaves the high bits of short inputs poor.
    public static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
        }
        return self.hash(hash)
    }
}
