internal import Log
internal import Model
internal import TestSupport

/// Segments of a log, damaged: the first byte of an input says how much of the input's form is mended, because chance
/// hits no checksum.
enum Segments {
    static func feed(_ input: [UInt8]) throws(Finding) {
        guard let mode = input.first else { return }
        let rest = Array(input.dropFirst())
        switch mode % 4 {
        case 0: try open(rest)
        case 1: try open(BatchFormat.segmentHeader(base: 0) + rest)
        case 2:
            let count = rest.first.map(Int.init) ?? 0
            let body = Array(rest.dropFirst())
            let offset = UInt64(BatchFormat.segmentHeaderSize)
            let header = BatchFormat.header(
                bodyLength: body.count,
                recordCount: count,
                offset: offset,
                syncedThrough: 0
            )
            try open(BatchFormat.segmentHeader(base: 0) + header + body)
        default: try open(patched(rest))
        }
    }

    /// Two good batches, with bytes changed at places that the input names.
    private static func patched(_ patches: [UInt8]) -> [UInt8] {
        var bytes = BatchFormat.segmentHeader(base: 0)
        for number in 1...3 {
            let record = LogRecord(
                partition: PartitionID(1),
                epoch: 1,
                index: LogIndex(number),
                payload: Array(repeating: UInt8(number), count: 9)
            )
            let offset = UInt64(bytes.count)
            bytes += BatchFormat.batch([record], offset: offset, syncedThrough: number == 2 ? offset : 0)
        }
        for index in stride(from: 0, to: patches.count - 1, by: 2) {
            if patches[index] == 255 {
                bytes.removeLast(min(bytes.count, Int(patches[index + 1])))
            } else if Int(patches[index]) < bytes.count {
                bytes[Int(patches[index])] ^= patches[index + 1]
            }
        }
        return bytes
    }

    private static func open(_ segment: [UInt8]) throws(Finding) {
        try openInSpiteOfDamage(segment)
        let files = ForgettingFileSystem()
        var first: [LogRecord] = []
        do {
            let file = try files.open("00000000000000000000.log", create: true)
            try file.append(segment)
            _ = try LogWriter.open(fileSystem: files, segmentBytes: 1 << 20) { first.append($0) }
        } catch {
            return
        }
        // What was opened once has been mended, and opens with the same records again.
        var second: [LogRecord] = []
        do {
            _ = try LogWriter.open(fileSystem: files, segmentBytes: 1 << 20) { second.append($0) }
        } catch {
            throw Finding("a log that was opened and mended does not open again: \(error)")
        }
        try Finding.unless(first == second, "a log opened twice holds \(first) and \(second)")
    }

    /// Damage that is passed over keeps nobody from the rest, and what is read back is what was asked for.
    private static func openInSpiteOfDamage(_ segment: [UInt8]) throws(Finding) {
        let files = ForgettingFileSystem()
        var first: [LogRecord] = []
        var second: [LogRecord] = []
        do {
            let file = try files.open("00000000000000000000.log", create: true)
            try file.append(segment)
            _ = try LogWriter.open(
                fileSystem: files,
                segmentBytes: 1 << 20,
                passingOver: { _ in },
                replaying: { first.append($0) }
            )
            let (writer, _) = try LogWriter.open(
                fileSystem: files,
                segmentBytes: 1 << 20,
                passingOver: { _ in },
                replaying: { second.append($0) }
            )
            try Finding.unless(first == second, "a damaged log opened twice holds \(first) and \(second)")
            let found = try? LogReader(fileSystem: files).entries(
                of: PartitionID(1),
                from: 1,
                in: writer.extents,
                epoch: { _ in 1 },
                bytes: 1 << 20
            )
            for (position, record) in (found ?? []).enumerated() {
                let isRight = record.index == LogIndex(position + 1) && record.epoch == 1 && first.contains(record)
                try Finding.unless(isRight, "\(record) was read back as entry \(position + 1)")
            }
        } catch let error as LogError {
            try Finding.unless(!error.isDamage, "damage is not passed over: \(error)")
        } catch let finding as Finding {
            throw finding
        } catch {
            throw Finding("\(error)")
        }
    }
}
