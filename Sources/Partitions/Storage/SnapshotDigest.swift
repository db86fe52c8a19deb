internal import CChecksum
package import Model

/// A checksum of a snapshot's records in their order, so that a page that is missing, or there twice, is noticed by whoever puts
/// them together. Frames have checksums of their own for what happens to a page on its way.
package struct SnapshotDigest: Sendable {
    package private(set) var value: UInt32 = 0

    package init() {}

    package mutating func add(_ records: [StoredRecord]) {
        for record in records {
            add(record.key)
            add(record.value)
        }
    }

    /// With its length: two records are not one with the same bytes.
    private mutating func add(_ bytes: [UInt8]) {
        let length = withUnsafeBytes(of: UInt64(bytes.count).littleEndian) {
            rookery_crc32c(value, $0.baseAddress, $0.count)
        }
        value = bytes.withUnsafeBytes { rookery_crc32c(length, $0.baseAddress, $0.count) }
    }
}
