internal import Glibc

/// A process's data directory: locked against a second process, and marked with the version of its format.
///
/// Holds the lock as long as it lives.
package final class DataDirectory: Sendable {
    /// The format this software writes. Others are refused.
    package static let format = 6

    package let path: String
    private let lock: Int32

    /// Creates the directory where it is missing, takes its lock, and checks its format.
    package init(path: String) throws(StoreError) {
        try DataDirectory.create(path)
        let descriptor = open(path + "/LOCK", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .inputOutput("cannot open \(path)/LOCK: \(lastError())") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .locked(path: path)
        }
        self.path = path
        lock = descriptor
        try checkFormat()
    }

    deinit {
        close(lock)
    }

    /// A directory inside, created where it is missing.
    package func subdirectory(_ name: String) throws(StoreError) -> String {
        let inner = path + "/" + name
        try DataDirectory.create(inner)
        return inner
    }

    /// Replaces a small file atomically: after a crash it is the old one or the new one, and the new one once this
    /// has returned.
    package func replaceFile(_ name: String, with bytes: [UInt8]) throws(StoreError) {
        let target = path + "/" + name
        let temporary = target + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .inputOutput("cannot create \(temporary): \(lastError())") }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                write(descriptor, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            guard count > 0 else { throw .inputOutput("cannot write \(temporary): \(lastError())") }
            written += count
        }
        guard fsync(descriptor) == 0, rename(temporary, target) == 0 else {
            throw .inputOutput("cannot replace \(target): \(lastError())")
        }
        try DataDirectory.sync(path)
    }

    /// The bytes of a file that `replaceFile` wrote, or nil where there is none.
    package func file(_ name: String) throws(StoreError) -> [UInt8]? {
        let descriptor = open(path + "/" + name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw .inputOutput("cannot open \(path)/\(name): \(lastError())")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw .inputOutput("cannot read \(path)/\(name): \(lastError())") }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer.prefix(count))
        }
    }

    private func checkFormat() throws(StoreError) {
        guard let stored = try file("FORMAT") else {
            return try replaceFile("FORMAT", with: Array("\(DataDirectory.format)\n".utf8))
        }
        let text = String(decoding: stored, as: UTF8.self)
        guard let found = Int(text.prefix { $0.isNumber }), found > 0 else {
            throw .notADataDirectory("\(path)/FORMAT holds no format number: not a data directory of ours, or damaged")
        }
        guard found == DataDirectory.format else {
            throw .otherFormat(found: found, supported: DataDirectory.format)
        }
    }

    private static func create(_ path: String) throws(StoreError) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made += made.isEmpty && part.isEmpty ? "/" : (made.isEmpty || made == "/" ? String(part) : "/" + part)
            if part.isEmpty { continue }
            guard mkdir(made, 0o755) == 0 || errno == EEXIST else {
                throw .inputOutput("cannot create \(made): \(lastError())")
            }
        }
    }

    private static func sync(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .inputOutput("cannot open \(path): \(lastError())") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .inputOutput("cannot sync \(path): \(lastError())") }
    }
}

private func lastError() -> String {
    String(cString: strerror(errno))
}
