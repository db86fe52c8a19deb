internal import CChecksum
internal import Model
package import Placement
package import Store

/// A map in one file of a data directory, replaced atomically and synced: the coordinator's own, and what nodes remember of it.
package struct MapStore {
    private static let fileName = "map"
    private let directory: DataDirectory

    package init(directory: DataDirectory) {
        self.directory = directory
    }

    /// The stored map; an empty one where there is none.
    ///
    /// - Throws: `StoreError.corruption` where the file is damaged: the coordinator must not start from an older or an empty map.
    package func load() throws(StoreError) -> PartitionMap {
        guard let bytes = try directory.file(MapStore.fileName) else { return PartitionMap() }
        var reader = BinaryReader(bytes)
        do throws(BinaryDecodingError) {
            let checksum = try reader.readFixed(UInt32.self)
            let payload = reader.readRest()
            guard checksum == MapStore.checksum(payload) else {
                throw BinaryDecodingError.invalid("checksum")
            }
            return try PartitionMap(decoding: payload)
        } catch {
            throw .corruption("\(directory.path)/\(MapStore.fileName) is damaged: \(error)")
        }
    }

    package func save(_ map: PartitionMap) throws(StoreError) {
        let payload = map.encoded()
        var writer = BinaryWriter()
        writer.writeFixed(MapStore.checksum(payload))
        writer.writeRaw(payload)
        try directory.replaceFile(MapStore.fileName, with: writer.bytes)
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { rookery_crc32c(0, $0.baseAddress, $0.count) }
    }
}
