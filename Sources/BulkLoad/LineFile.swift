internal import Foundation

/// A file read a batch of lines at a time, whatever its size.
final class LineFile {
    /// A line with its number, the first of the file being 1.
    struct Line {
        let number: Int
        let text: Result<String, LineFault>
    }

    private static let pieceBytes = 1 << 20
    private static let largestLine = 1 << 20

    /// Bytes of the whole file.
    let size: Int
    /// Bytes of the lines read so far.
    private(set) var position = 0
    /// Lines read so far.
    private(set) var count = 0
    private let file: FileHandle
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false
    private var read = Fingerprint()

    init(_ path: String) throws {
        file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        size = Int(try file.seekToEnd())
        try file.seek(toOffset: 0)
    }

    /// Of all lines read so far.
    var fingerprint: UInt64 { read.value }

    /// The next lines; none at the end of the file.
    func next(_ limit: Int) throws -> [Line] {
        var lines: [Line] = []
        while lines.count < limit, let text = try nextLine() {
            lines.append(Line(number: count, text: text))
        }
        return lines
    }

    func skip(_ lines: Int) throws {
        for _ in 0..<lines {
            guard try nextLine() != nil else { return }
        }
    }

    private func nextLine() throws -> Result<String, LineFault>? {
        var isTooLong = false
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                return take(upTo: end, behind: end + 1, isTooLong)
            }
            guard !isAtEnd else {
                guard start < buffer.count || isTooLong else { return nil }
                return take(upTo: buffer.count, behind: buffer.count, isTooLong)
            }
            if buffer.count - start > LineFile.largestLine {
                // What a line is too long by is not kept.
                isTooLong = true
                note(buffer[start...])
                start = buffer.count
            }
            searched = buffer.count - start
            buffer.removeSubrange(..<start)
            start = 0
            let piece = try file.read(upToCount: LineFile.pieceBytes) ?? Data()
            isAtEnd = piece.isEmpty
            buffer.append(contentsOf: piece)
        }
    }

    private func take(upTo end: Int, behind next: Int, _ isTooLong: Bool) -> Result<String, LineFault> {
        let hasReturn = end > start && buffer[end - 1] == UInt8(ascii: "\r")
        let line = buffer[start..<(hasReturn ? end - 1 : end)]
        note(buffer[start..<next])
        start = next
        count += 1
        if isTooLong || line.count > LineFile.largestLine {
            return .failure(LineFault("longer than \(LineFile.largestLine) bytes"))
        }
        guard let text = String(validating: line, as: UTF8.self) else { return .failure(LineFault("not UTF-8")) }
        return .success(text)
    }

    private func note(_ bytes: ArraySlice<UInt8>) {
        position += bytes.count
        read.add(bytes)
    }
}
