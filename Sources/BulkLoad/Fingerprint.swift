/// FNV-1a of 64 bits (Fowler, Noll, Vo): tells one text from another, the same on every machine. Nobody is kept from
/// making two texts of the same fingerprint.
struct Fingerprint {
    private(set) var value: UInt64 = 14_695_981_039_346_656_037

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            value = (value ^ UInt64(byte)) &* 1_099_511_628_211
        }
    }

    static func of(_ text: String) -> String {
        var fingerprint = Fingerprint()
        fingerprint.add(text.utf8)
        return String(fingerprint.value, radix: 36)
    }
}
