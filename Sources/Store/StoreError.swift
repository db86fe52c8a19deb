/// Why the store could not do something.
package enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another process holds the data directory. Give up.
    case locked(path: String)
    /// The directory was written by another version of the software: begin with that version, `rookery dump`, and load
    /// what it wrote into a cluster of this one.
    case otherFormat(found: Int, supported: Int)
    /// The directory's own files are not what this software writes. Give up.
    case notADataDirectory(String)
    /// Bytes on disk are not what was written. The partition concerned must stop; refill it from a peer.
    case corruption(String)
    /// The device is full. Reads go on; retry when there is space.
    case outOfSpace(String)
    /// The operating system refused.
    case inputOutput(String)
    /// Anything else RocksDB says.
    case other(String)

    package var description: String {
        switch self {
        case .locked(let path): "data directory \(path) is in use by another process"
        case .otherFormat(let found, let supported):
            "data directory has format \(found); this version reads format \(supported)"
        case .notADataDirectory(let message): message
        case .corruption(let message), .outOfSpace(let message), .inputOutput(let message), .other(let message): message
        }
    }

    /// RocksDB's C interface reports every error as text; its `Status::ToString` begins with the code.
    init(rocksDB message: String) {
        if message.hasPrefix("Corruption") {
            self = .corruption(message)
        } else if message.contains("No space left") || message.contains("Out of disk") {
            self = .outOfSpace(message)
        } else if message.contains("lock") && message.hasPrefix("IO error") {
            self = .locked(path: message)
        } else if message.hasPrefix("IO error") {
            self = .inputOutput(message)
        } else {
            self = .other(message)
        }
    }
}
