internal import Glibc

/// A directory of the operating system.
package struct LocalFileSystem: FileSystem {
    private let path: String

    /// - Parameter path: an existing directory.
    package init(path: String) {
        self.path = path
    }

    package func names() throws(LogError) -> [String] {
        guard let directory = opendir(path) else { throw failure("list", path) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    package func open(_ name: String, create: Bool) throws(LogError) -> any AppendableFile {
        let file = path + "/" + name
        let descriptor = Glibc.open(file, O_RDWR | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0), 0o644)
        guard descriptor >= 0 else { throw failure("open", file) }
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0 else {
            close(descriptor)
            throw failure("seek in", file)
        }
        return LocalFile(path: file, descriptor: descriptor, size: UInt64(size))
    }

    package func remove(_ name: String) throws(LogError) {
        guard unlink(path + "/" + name) == 0 else { throw failure("remove", path + "/" + name) }
    }

    package func syncDirectory() throws(LogError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("sync", path) }
    }
}

private final class LocalFile: AppendableFile {
    private let path: String
    private let descriptor: Int32
    private(set) var size: UInt64

    init(path: String, descriptor: Int32, size: UInt64) {
        self.path = path
        self.descriptor = descriptor
        self.size = size
    }

    deinit {
        close(descriptor)
    }

    func append(_ bytes: [UInt8]) throws(LogError) {
        try rewrite(at: size, bytes)
        size += UInt64(bytes.count)
    }

    func rewrite(at offset: UInt64, _ bytes: [UInt8]) throws(LogError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor,
                    buffer.baseAddress?.advanced(by: written),
                    buffer.count - written,
                    off_t(offset) + off_t(written)
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("write", path) }
            written += count
        }
    }

    func sync() throws(LogError) {
        guard fdatasync(descriptor) == 0 else { throw failure("sync", path) }
    }

    func read(at offset: UInt64, count: Int) throws(LogError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let read = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress?.advanced(by: done), count - done, off_t(offset) + off_t(done))
            }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw failure("read", path) }
            if read == 0 { break }
            done += read
        }
        bytes.removeLast(count - done)
        return bytes
    }

    func truncate(to size: UInt64) throws(LogError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw failure("truncate", path) }
        self.size = size
    }
}

private func failure(_ action: String, _ path: String) -> LogError {
    .inputOutput("cannot \(action) \(path): \(String(cString: strerror(errno)))")
}
