internal import Model

/// What opening a log found.
package struct LogRecovery: Equatable, Sendable {
    package var records = 0
    package var segments = 0
    /// How often damage was passed over.
    package var damages = 0
    /// Where a torn tail was cut off, in words, for the log of the process; nil where the log ended whole.
    package var truncation: String?
}

/// Reads the segments of a log in order, hands out their records, and decides what an unreadable batch is: a torn
/// tail, which is cut off, or damage to synced bytes, which is refused or passed over.
struct SegmentRecovery {
    /// What to do about damage.
    enum Damage {
        case refused
        /// Records behind it are handed out too. Whoever reads them must know that others may be missing.
        case passedOver(noting: (LogError) -> Void)
    }

    let fileSystem: any FileSystem
    /// Whether a torn tail stays where it is: for looking only.
    let isReadOnly: Bool
    private let landmarkSpacing: Int
    private let damage: Damage
    private(set) var result = LogRecovery()
    private(set) var segments: [Segment] = []
    /// How far the log says that it was synced.
    private(set) var syncedThrough: UInt64 = 0

    init(
        fileSystem: any FileSystem,
        landmarkSpacing: Int,
        isReadOnly: Bool = false,
        damage: Damage = .refused
    ) {
        self.fileSystem = fileSystem
        self.landmarkSpacing = landmarkSpacing
        self.isReadOnly = isReadOnly
        self.damage = damage
    }

    private mutating func note(_ error: LogError) throws(LogError) {
        guard case .passedOver(let noting) = damage else { throw error }
        result.damages += 1
        noting(error)
    }

    mutating func run(_ body: (LogRecord) throws(LogError) -> Void) throws(LogError) {
        let found = try fileSystem.names().compactMap { name in Segment.base(ofName: name).map { (name, $0) } }
            .sorted { $0.1 < $1.1 }
        for (position, (name, base)) in found.enumerated() {
            let isLast = position == found.count - 1
            let file = try fileSystem.open(name, create: false)
            guard try checkHeader(of: file, name: name, base: base, isLast: isLast) else { continue }
            if let previous = segments.last, previous.end != base {
                try note(
                    .corruption(
                        segment: name,
                        offset: 0,
                        partition: nil,
                        what: "the segment before it ends at \(previous.end) and not at \(base)"
                    )
                )
            }
            var segment = Segment(name: name, base: base, file: file, landmarkSpacing: landmarkSpacing)
            try read(&segment, isLast: isLast, body)
            segments.append(segment)
        }
        result.segments = segments.count
    }

    /// - Returns: false where the segment was torn at its creation, and is gone now.
    private mutating func checkHeader(
        of file: any AppendableFile,
        name: String,
        base: UInt64,
        isLast: Bool
    ) throws(LogError) -> Bool {
        let bytes = try file.read(at: 0, count: BatchFormat.segmentHeaderSize)
        if bytes == BatchFormat.segmentHeader(base: base) { return true }
        // A whole header that is not ours is one of a later version; a damaged one is neither.
        var reader = BinaryReader(bytes)
        if BatchFormat.isWholeSegmentHeader(bytes), let magic = try? reader.readFixed(UInt32.self),
            magic == BatchFormat.segmentMagic,
            let version = try? reader.readFixed(UInt32.self), version > BatchFormat.version,
            bytes.count == BatchFormat.segmentHeaderSize
        {
            throw .newerVersion(segment: name, version: version)
        }
        // A segment's header is synced before anything is written behind it: a last segment without more than a
        // header never held anything acknowledged.
        guard isLast, file.size <= UInt64(BatchFormat.segmentHeaderSize) else {
            try note(.corruption(segment: name, offset: 0, partition: nil, what: "its header is not legible"))
            return true
        }
        result.truncation = "segment \(name) was torn at its creation"
        guard !isReadOnly else { return false }
        try fileSystem.remove(name)
        try fileSystem.syncDirectory()
        return false
    }

    private mutating func read(
        _ segment: inout Segment,
        isLast: Bool,
        _ body: (LogRecord) throws(LogError) -> Void
    ) throws(LogError) {
        let bytes = try segment.file.read(at: 0, count: Int(segment.file.size))
        var position = BatchFormat.segmentHeaderSize
        while position < bytes.count {
            switch Self.batch(in: bytes, at: position, base: segment.base) {
            case .success(let batch):
                segment.note(batch.records, at: position)
                segments.dropReplaced(by: batch.records, before: segments.count)
                result.records += batch.records.count
                for record in batch.records {
                    try body(record)
                }
                syncedThrough = max(syncedThrough, batch.syncedThrough)
                position = batch.end
            case .failure(let damage):
                if isLast, try cutTornTail(of: &segment, bytes: bytes, at: position, damage: damage) { return }
                try note(
                    .corruption(
                        segment: segment.name,
                        offset: UInt64(position),
                        partition: damage.partition,
                        what: damage.what
                    )
                )
                position = Self.nextBatch(in: bytes, behind: position, base: segment.base)
            }
        }
    }

    private static func batch(
        in bytes: [UInt8],
        at position: Int,
        base: UInt64
    ) -> Result<(records: [LogRecord], syncedThrough: UInt64, end: Int), BatchFormat.Damage> {
        Result { () throws(BatchFormat.Damage) in
            guard let header = BatchFormat.batchHeader(bytes[position...], at: base + UInt64(position)) else {
                throw BatchFormat.Damage(partition: nil, what: "a batch's header is not legible")
            }
            let start = position + BatchFormat.batchHeaderSize
            let end = start + header.bodyLength
            guard end <= bytes.count else {
                throw BatchFormat.Damage(partition: nil, what: "a batch ends behind its segment")
            }
            let records = try BatchFormat.records(in: Array(bytes[start..<end]), count: header.recordCount)
            return (records, header.syncedThrough, end)
        }
    }

    /// Where the next legible batch begins; the segment's end where there is none.
    private static func nextBatch(in bytes: [UInt8], behind position: Int, base: UInt64) -> Int {
        // What is wrong may be in the batch's body alone.
        if let header = BatchFormat.batchHeader(bytes[position...], at: base + UInt64(position)) {
            return min(bytes.count, position + BatchFormat.batchHeaderSize + header.bodyLength)
        }
        let first = UInt8(truncatingIfNeeded: BatchFormat.batchMagic)
        return ((position + 1)..<bytes.count).first { candidate in
            bytes[candidate] == first
                && BatchFormat.batchHeader(bytes[candidate...], at: base + UInt64(candidate)) != nil
        } ?? bytes.count
    }

    /// Cuts a torn tail off the last segment.
    ///
    /// - Returns: false where a batch behind it says that this offset was synced: it is damage.
    private mutating func cutTornTail(
        of segment: inout Segment,
        bytes: [UInt8],
        at position: Int,
        damage: BatchFormat.Damage
    ) throws(LogError) -> Bool {
        let offset = segment.base + UInt64(position)
        guard !Self.isSynced(offset, accordingTo: bytes, behind: position, base: segment.base) else { return false }
        result.truncation =
            "segment \(segment.name) has a torn tail: \(bytes.count - position) bytes from \(position) on, "
            + damage.what
        guard !isReadOnly else { return true }
        try segment.file.truncate(to: UInt64(position))
        try segment.file.sync()
        return true
    }

    /// Whether a whole batch header anywhere behind `position` says that the log was synced beyond `offset`.
    private static func isSynced(
        _ offset: UInt64,
        accordingTo bytes: [UInt8],
        behind position: Int,
        base: UInt64
    ) -> Bool {
        let first = UInt8(truncatingIfNeeded: BatchFormat.batchMagic)
        var candidate = position
        while candidate + BatchFormat.batchHeaderSize <= bytes.count {
            if bytes[candidate] == first,
                let header = BatchFormat.batchHeader(bytes[candidate...], at: base + UInt64(candidate)),
                header.syncedThrough > offset
            {
                return true
            }
            candidate += 1
        }
        return false
    }
}
