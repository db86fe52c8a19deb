package import Log
internal import Synchronization

/// A file system in memory that keeps, over a crash, only what was synced: bytes by `sync` of their file, names by
/// `syncDirectory`. It can crash at any operation. Of what was not synced a crash leaves anything: a part of the bytes
/// appended, bytes that were cut off, files that were removed. A sync can fail as Linux has it: what it was to write counts as
/// written from then on, can be read, and is not on the device until it is written again.
package final class ForgettingFileSystem: FileSystem {
    /// A crash in the middle of an operation; everything after it fails too.
    package static let crash = LogError.inputOutput("crash")

    fileprivate struct Contents {
        var bytes: [UInt8] = []
        var synced: [UInt8] = []
        /// How far the file was cut since it was synced.
        var cut: Int?
        /// What a failed sync was to write.
        var unwritten: Range<Int>?

        mutating func sync() {
            synced = bytes
            cut = nil
            for index in (unwritten ?? 0..<0).clamped(to: 0..<bytes.count) {
                synced[index] = 0
            }
        }

        mutating func failToSync() {
            unwritten = min(unwritten?.lowerBound ?? synced.count, synced.count)..<bytes.count
        }

        mutating func rewrite(at offset: Int, _ new: [UInt8]) {
            bytes.replaceSubrange(offset..<offset + new.count, with: new)
            guard let lost = unwritten, offset <= lost.lowerBound else { return }
            unwritten = min(lost.upperBound, offset + new.count)..<lost.upperBound
        }

        /// What a crash leaves.
        func afterCrash(using random: inout some RandomNumberGenerator) -> [UInt8] {
            let common = min(cut ?? synced.count, synced.count)
            let written = bytes.dropFirst(common)
            let arrived = written.prefix(Int.random(in: 0...written.count, using: &random))
            let left = synced.prefix(common) + arrived
            // The cut itself may not have arrived: what was written lies over the bytes that were there.
            guard left.count < synced.count, Bool.random(using: &random) else { return Array(left) }
            return Array(left + synced.dropFirst(left.count))
        }
    }

    fileprivate struct State {
        private var contents: [Int: Contents] = [:]
        private var lastContents = 0
        /// Which contents a name has, and which it has after a crash.
        private var directory: [String: Int] = [:]
        private var syncedDirectory: [String: Int] = [:]
        var operations = 0
        var bytesRead = 0
        var crashAt: Int?
        var hasCrashed = false
        /// A device that says that it has synced and has not.
        var isLying = false
        /// Whether the next sync of a file fails.
        var failsNextSync = false

        var files: [String: [UInt8]] { directory.mapValues { contents[$0]?.bytes ?? [] } }

        subscript(name: String) -> Contents? {
            get { directory[name].flatMap { contents[$0] } }
            set { if let id = directory[name] { contents[id] = newValue } }
        }

        mutating func create(_ name: String, _ created: Contents = Contents()) {
            lastContents += 1
            contents[lastContents] = created
            directory[name] = lastContents
        }

        mutating func remove(_ name: String) {
            directory[name] = nil
        }

        func ofAnotherProcess() -> State {
            var state = self
            (state.operations, state.bytesRead, state.crashAt, state.hasCrashed) = (0, 0, nil, false)
            return state
        }

        mutating func syncDirectory() {
            if !isLying { syncedDirectory = directory }
        }

        func afterCrash(using random: inout some RandomNumberGenerator) -> [String: [UInt8]] {
            var files: [String: [UInt8]] = [:]
            for name in Set(directory.keys).union(syncedDirectory.keys).sorted() {
                // A creation or removal that was not synced may have arrived.
                let found = Bool.random(using: &random) ? directory[name] : syncedDirectory[name]
                files[name] = found.flatMap { contents[$0] }?.afterCrash(using: &random)
            }
            return files
        }
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

    private init(_ state: State) {
        self.state = Mutex(state)
    }

    private init(files: [String: [UInt8]], crashAt: Int?, isLying: Bool) {
        var state = State()
        for (name, bytes) in files {
            state.create(name, Contents(bytes: bytes, synced: bytes))
        }
        state.syncDirectory()
        state.crashAt = crashAt
        state.isLying = isLying
        self.state = Mutex(state)
    }

    package var operations: Int { state.withLock { $0.operations } }
    package var bytesRead: Int { state.withLock { $0.bytesRead } }
    package var hasCrashed: Bool { state.withLock { $0.hasCrashed } }

    /// What is found after a crash now: what was synced, and of the rest what a device may have written.
    package func afterCrash(
        crashAt: Int? = nil,
        using random: inout some RandomNumberGenerator
    ) -> ForgettingFileSystem {
        let state = state.withLock { $0 }
        return ForgettingFileSystem(
            files: state.afterCrash(using: &random),
            crashAt: crashAt,
            isLying: state.isLying
        )
    }

    /// What is found after the process has died and the machine has not: everything written, synced or not.
    package func afterProcessDeath() -> ForgettingFileSystem {
        ForgettingFileSystem(state.withLock { $0.ofAnotherProcess() })
    }

    /// Lets the next sync of a file fail.
    package func failNextSync() {
        state.withLock { $0.failsNextSync = true }
    }

    /// Changes one byte of a file.
    package func flipBit(of name: String, at offset: Int) {
        state.withLock { state in
            guard var contents = state[name], offset < contents.bytes.count else { return }
            contents.bytes[offset] ^= 0x10
            contents.synced = contents.bytes
            state[name] = contents
        }
    }

    package func size(of name: String) -> Int { state.withLock { $0[name]?.bytes.count ?? 0 } }

    package func names() throws(LogError) -> [String] {
        state.withLock { Array($0.files.keys) }
    }

    package func open(_ name: String, create: Bool) throws(LogError) -> any AppendableFile {
        if create {
            try step { $0.create(name) }
        }
        return ForgettingFile(name: name, system: self)
    }

    package func remove(_ name: String) throws(LogError) {
        try step { $0.remove(name) }
    }

    package func syncDirectory() throws(LogError) {
        try step { $0.syncDirectory() }
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

    fileprivate func read(_ name: String, at offset: Int, count: Int) -> [UInt8] {
        state.withLock { state in
            let bytes = Array((state[name]?.bytes ?? []).dropFirst(offset).prefix(count))
            state.bytesRead += bytes.count
            return bytes
        }
    }

    fileprivate func contents(_ name: String) -> [UInt8] {
        state.withLock { $0[name]?.bytes ?? [] }
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
        try system.step { $0[self.name]?.bytes.append(contentsOf: bytes) }
    }

    func rewrite(at offset: UInt64, _ bytes: [UInt8]) throws(LogError) {
        try system.step { $0[self.name]?.rewrite(at: Int(offset), bytes) }
    }

    func sync() throws(LogError) {
        var hasFailed = false
        try system.step { state in
            hasFailed = state.failsNextSync
            state.failsNextSync = false
            if hasFailed { return state[self.name]?.failToSync() ?? () }
            if !state.isLying { state[self.name]?.sync() }
        }
        if hasFailed { throw .inputOutput("sync") }
    }

    func read(at offset: UInt64, count: Int) throws(LogError) -> [UInt8] {
        system.read(name, at: Int(offset), count: count)
    }

    func truncate(to size: UInt64) throws(LogError) {
        try system.step { state in
            guard var contents = state[self.name] else { return }
            contents.bytes = Array(contents.bytes.prefix(Int(size)))
            contents.cut = min(contents.cut ?? .max, contents.bytes.count)
            state[self.name] = contents
        }
    }
}
