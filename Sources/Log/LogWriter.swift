package import Model

/// The log itself, one call at a time: appends batches, syncs, begins and removes segments.
///
/// After a write or a sync that failed it takes nothing more, for good: what a failed `fdatasync` left on the device
/// is unknown, and trying again reports success for pages the kernel has dropped (the "fsyncgate" of PostgreSQL,
/// 2018). A new process reads such pages as if they were written: what is not known to be synced is written once more
/// when the log is opened.
package final class LogWriter {
    /// What is read and written at a time when a log is opened.
    private static let rewrittenBytes = 1 << 20

    private let fileSystem: any FileSystem
    private let segmentBytes: Int
    private var segments: [Segment]
    private var syncedThrough: UInt64
    /// Whether the log already holds a batch that says `syncedThrough`.
    private var isSyncNoted: Bool
    /// Whether records were appended since the last empty batch: only they need another one.
    private var hasUnnotedRecords = true
    private var failure: String?

    /// Opens the log, handing out every record that it holds, in the order they were appended.
    ///
    /// - Parameters:
    ///   - segmentBytes: a segment that has reached this size is closed and another begun.
    ///   - damage: is told of each damage that is passed over, between the records in front of it and behind it: records are
    ///     missing there. Without it, a log with damage is not opened.
    package static func open(
        fileSystem: any FileSystem,
        segmentBytes: Int,
        passingOver damage: ((LogError) -> Void)? = nil,
        replaying body: (LogRecord) throws(LogError) -> Void
    ) throws(LogError) -> (LogWriter, LogRecovery) {
        var recovery = SegmentRecovery(
            fileSystem: fileSystem,
            landmarkSpacing: landmarkSpacing(segmentBytes),
            damage: damage.map { .passedOver(noting: $0) } ?? .refused
        )
        try recovery.run(body)
        let writer = LogWriter(fileSystem: fileSystem, segmentBytes: segmentBytes, segments: recovery.segments)
        if writer.segments.isEmpty {
            try writer.beginSegment(base: 0)
        } else {
            // What the process before left unsynced may exist only in the page cache, and is about to be built on.
            try writer.rewrite(behind: recovery.syncedThrough)
            try writer.sync()
            // Nothing is written behind damage: what is written is read back without it.
            if recovery.result.damages > 0 { try writer.beginSegment(base: writer.end) }
        }
        try writer.noteSync()
        return (writer, recovery.result)
    }

    /// Reads a log that nobody writes, and changes nothing: as `open` would.
    package static func verify(
        fileSystem: any FileSystem,
        reading body: (LogRecord) throws(LogError) -> Void
    ) throws(LogError) -> LogRecovery {
        var recovery = SegmentRecovery(fileSystem: fileSystem, landmarkSpacing: .max, isReadOnly: true)
        try recovery.run(body)
        return recovery.result
    }

    private init(fileSystem: any FileSystem, segmentBytes: Int, segments: [Segment]) {
        self.fileSystem = fileSystem
        self.segmentBytes = segmentBytes
        self.segments = segments
        syncedThrough = 0
        isSyncNoted = true
    }

    /// The offset behind the last byte appended.
    package var end: UInt64 { segments.last?.end ?? 0 }

    /// How many bytes the log's segments have.
    package var size: UInt64 { end - (segments.first?.base ?? 0) }

    package var segmentCount: Int { segments.count }

    /// Where the log's files are now, oldest first.
    package var extents: [SegmentExtent] {
        segments.map { SegmentExtent(name: $0.name, base: $0.base, size: $0.file.size, entries: $0.entries) }
    }

    /// Appends the records as one batch. They are durable after the next `sync`.
    package func append(_ records: [LogRecord]) throws(LogError) {
        try guarded { () throws(LogError) in
            if let last = segments.last, last.file.size >= UInt64(segmentBytes) {
                try syncFile()
                try beginSegment(base: last.end)
            }
            try write(records)
        }
    }

    /// Makes everything appended durable.
    package func sync() throws(LogError) {
        try guarded { () throws(LogError) in try syncFile() }
    }

    /// Writes an empty batch that says how far the log is synced, so that damage to the last batch can be told from
    /// a torn tail. For when nothing else is about to be appended; needs no sync of its own.
    package func noteSync() throws(LogError) {
        guard !isSyncNoted else { return }
        try guarded { () throws(LogError) in try write([]) }
    }

    /// Removes the segments at the beginning whose records are all applied and persisted elsewhere.
    ///
    /// - Parameter persisted: the last index of a partition that survives without the log.
    package func removeSegments(persisted: (PartitionID) -> LogIndex) throws(LogError) {
        try guarded { () throws(LogError) in
            while segments.count > 1, let first = segments.first,
                first.entries.allSatisfy({ $0.value.indexes.upperBound <= persisted($0.key) })
            {
                try fileSystem.remove(first.name)
                // One after the other, so that a crash never leaves a gap.
                try fileSystem.syncDirectory()
                segments.removeFirst()
            }
        }
    }

    /// Writes what is not known to be synced once more, as it is.
    private func rewrite(behind synced: UInt64) throws(LogError) {
        try guarded { () throws(LogError) in
            guard let last = segments.last else { return }
            // Where nothing is known to be synced, the header is not either.
            let isKnown = synced > last.base + UInt64(BatchFormat.segmentHeaderSize)
            var offset = isKnown ? synced - last.base : 0
            while offset < last.file.size {
                let bytes = try last.file.read(at: offset, count: LogWriter.rewrittenBytes)
                guard !bytes.isEmpty else { return }
                try last.file.rewrite(at: offset, bytes)
                offset += UInt64(bytes.count)
            }
        }
    }

    private func write(_ records: [LogRecord]) throws(LogError) {
        guard let last = segments.indices.last else { throw .closed }
        let start = segments[last].file.size
        try segments[last].file.append(
            BatchFormat.batch(records, offset: segments[last].end, syncedThrough: syncedThrough)
        )
        segments[last].note(records, at: Int(start))
        segments.dropReplaced(by: records, before: last)
        isSyncNoted = true
        hasUnnotedRecords = !records.isEmpty
    }

    private func syncFile() throws(LogError) {
        guard let last = segments.last, syncedThrough < last.end else { return }
        try last.file.sync()
        syncedThrough = last.end
        isSyncNoted = !hasUnnotedRecords
    }

    private func beginSegment(base: UInt64) throws(LogError) {
        let name = Segment.name(base: base)
        let file = try fileSystem.open(name, create: true)
        try file.append(BatchFormat.segmentHeader(base: base))
        try file.sync()
        try fileSystem.syncDirectory()
        segments.append(
            Segment(
                name: name,
                base: base,
                file: file,
                landmarkSpacing: LogWriter.landmarkSpacing(segmentBytes)
            )
        )
        syncedThrough = base + UInt64(BatchFormat.segmentHeaderSize)
    }

    /// So that a reader passes over little, and a partition has at most some hundred landmarks in a segment.
    private static func landmarkSpacing(_ segmentBytes: Int) -> Int { segmentBytes / 256 }

    private func guarded(_ body: () throws(LogError) -> Void) throws(LogError) {
        if let failure { throw .readOnly(cause: failure) }
        do throws(LogError) {
            try body()
        } catch {
            failure = error.description
            throw .readOnly(cause: error.description)
        }
    }
}
