internal import Foundation

/// A file read a batch of lines at a time, whatever its size.
final class LineFile {
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

    init(_ path: String) throws {
        file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        size = Int(try file.seekToEnd())
        try file.seek(toOffset: 0)
    }

    /// The next lines with their numbers, the first of the file being 1; none at the end of the file. The text is nil
    /// where it is not UTF-8.
    func next(_ limit: Int) throws -> [(number: Int, text: String?)] {
        var lines: [(number: Int, text: String?)] = []
        while lines.count < limit, let line = try nextLine() {
            lines.append((count, String(validating: line, as: UTF8.self)))
        }
        return lines
    }

    func skip(_ lines: Int) throws {
        for _ in 0..<lines {
            guard try nextLine() != nil else { return }
        }
    }

    private func nextLine() throws -> ArraySlice<UInt8>? {
        var searched = start
        while true {
            if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                return take(upTo: end, behind: end + 1)
            }
            guard !isAtEnd else { return start < buffer.count ? take(upTo: buffer.count, behind: buffer.count) : nil }
            guard buffer.count - start <= LineFile.largestLine else {
                throw LineFault("line \(count + 1) is longer than \(LineFile.largestLine) bytes")
            }
            searched = buffer.count - start
            buffer.removeSubrange(..<start)
            start = 0
            let piece = try file.read(upToCount: LineFile.pieceBytes) ?? Data()
            isAtEnd = piece.isEmpty
            buffer.append(contentsOf: piece)
        }
    }

    private func take(upTo end: Int, behind next: Int) -> ArraySlice<UInt8> {
        let hasReturn = end > start && buffer[end - 1] == UInt8(ascii: "\r")
        let line = buffer[start..<(hasReturn ? end - 1 : end)]
        position += next - start
        start = next
        count += 1
        return line
    }
}
