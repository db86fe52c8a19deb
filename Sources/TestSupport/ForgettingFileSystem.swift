package import Log
internal import Synchronization

/// A file system in memory that keeps, over a crash, only what was synced: bytes by `sync` of their file, names by
/// `syncDirectory`. It can crash at any operation, and tear what was not synced.
package final class ForgettingFileSystem: FileSystem {
    /// A crash in the middle of an operation; everything after it fails too.
    package static let crash = LogError.inputOutput("crash")

    fileprivate struct Contents {
        var bytes: [UInt8] = []
        var synced: [UInt8] = []
    }

    fileprivate struct State {
        var files: [String: Contents] = [:]
        /// The names that a crash leaves.
        var syncedNames: Set<String> = []
        var operations = 0
        var crashAt: Int?
        var hasCrashed = false
        /// A device that says that it has synced and has not.
        var isLying = false
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - crashAt: the operation, counted from 1, that fails with a crash; nil for none.
    ///   - isLying: whether syncs do nothing, to show that tests would notice.
    package init(crashAt: Int? = nil, isLying: Bool = false) {
        var state = State()
        state.crashAt = crashAt
        state.isLying = isLying
        self.state = Mutex(state)
    }

    private init(files: [String: [UInt8]], crashAt: Int?, isLying: Bool) {
        var state = State()
        for (name, bytes) in files {
            state.files[name] = Contents(bytes: bytes, synced: bytes)
            state.syncedNames.insert(name)
        }
        state.crashAt = crashAt
        state.isLying = isLying
        self.state = Mutex(state)
    }

    package var operations: Int { state.withLock { $0.operations } }
    package var hasCrashed: Bool { state.withLock { $0.hasCrashed } }

    /// What is found after a crash now: what was synced, and of the rest a random part of the beginning, because a
    /// device may have written some of it.
    package func afterCrash(
        crashAt: Int? = nil,
        using random: inout some RandomNumberGenerator
    ) -> ForgettingFileSystem {
        let (state, isLying) = state.withLock { ($0, $0.isLying) }
        var files: [String: [UInt8]] = [:]
        for name in state.syncedNames.sorted() {
            guard let contents = state.files[name] else { continue }
            var bytes = contents.synced
            if contents.bytes.count > bytes.count {
                let torn = Int.random(in: 0...(contents.bytes.count - bytes.count), using: &random)
                bytes.append(contentsOf: contents.bytes[bytes.count..<bytes.count + torn])
            }
            files[name] = bytes
        }
        return ForgettingFileSystem(files: files, crashAt: crashAt, isLying: isLying)
    }

    /// What is found after the process has died and the machine has not: everything written.
    package func afterProcessDeath() -> ForgettingFileSystem {
        let state = state.withLock { $0 }
        return ForgettingFileSystem(files: state.files.mapValues(\.bytes), crashAt: nil, isLying: state.isLying)
    }

    /// Changes one byte of a file.
    package func flipBit(of name: String, at offset: Int) {
        state.withLock { state in
            guard var contents = state.files[name], offset < contents.bytes.count else { return }
            contents.bytes[offset] ^= 0x10
            contents.synced = contents.bytes
            state.files[name] = contents
        }
    }

    package func size(of name: String) -> Int { state.withLock { $0.files[name]?.bytes.count ?? 0 } }

    package func names() throws(LogError) -> [String] {
        state.withLock { Array($0.files.keys) }
    }

    package func open(_ name: String, create: Bool) throws(LogError) -> any AppendableFile {
        if create {
            try step { $0.files[name] = Contents() }
        }
        return ForgettingFile(name: name, system: self)
    }

    package func remove(_ name: String) throws(LogError) {
        try step { $0.files[name] = nil }
    }

    package func syncDirectory() throws(LogError) {
        try step { state in
            if !state.isLying { state.syncedNames = Set(state.files.keys) }
        }
    }

    /// Counts an operation; the one that crashes has no effect.
    fileprivate func step(_ body: (inout State) -> Void) throws(LogError) {
        let isAlive = state.withLock { state in
            state.operations += 1
            if state.operations == state.crashAt { state.hasCrashed = true }
            if !state.hasCrashed { body(&state) }
            return !state.hasCrashed
        }
        if !isAlive { throw ForgettingFileSystem.crash }
    }

    fileprivate func contents(_ name: String) -> [UInt8] {
        state.withLock { $0.files[name]?.bytes ?? [] }
    }
}

private final class ForgettingFile: AppendableFile {
    private let name: String
    private let system: ForgettingFileSystem

    init(name: String, system: ForgettingFileSystem) {
        self.name = name
        self.system = system
    }

    var size: UInt64 { UInt64(system.contents(name).count) }

    func append(_ bytes: [UInt8]) throws(LogError) {
        try system.step { $0.files[self.name]?.bytes.append(contentsOf: bytes) }
    }

    func sync() throws(LogError) {
        try system.step { state in
            guard !state.isLying, var contents = state.files[self.name] else { return }
            contents.synced = contents.bytes
            state.files[self.name] = contents
        }
    }

    func read(at offset: UInt64, count: Int) throws(LogError) -> [UInt8] {
        Array(system.contents(name).dropFirst(Int(offset)).prefix(count))
    }

    func truncate(to size: UInt64) throws(LogError) {
        try system.step { state in
            guard var contents = state.files[self.name] else { return }
            contents.bytes = Array(contents.bytes.prefix(Int(size)))
            contents.synced = Array(contents.synced.prefix(Int(size)))
            state.files[self.name] = contents
        }
    }
}
