internal import Foundation

/// How far a file is loaded, kept beside it: an interrupted load goes on from there.
struct LoadNote: Codable, Equatable {
    /// Lines that are done, those with errors included.
    var lines = 0
    /// How many of them had errors.
    var problems = 0
    /// Into which cluster.
    let cluster: String
    /// Of which file: its size and its beginning.
    let bytes: Int
    let beginning: Data

    private static let beginningBytes = 256

    /// What is noted of a file, or a note that nothing is done yet.
    ///
    /// - Throws: `LineFault` where the note is of another cluster or another file: which of its lines are done, nobody
    ///   knows.
    static func read(of path: String, cluster: String) throws -> LoadNote {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        defer { try? file.close() }
        let beginning = try file.read(upToCount: beginningBytes) ?? Data()
        let fresh = LoadNote(cluster: cluster, bytes: Int(try file.seekToEnd()), beginning: beginning)
        guard let stored = FileManager.default.contents(atPath: notePath(of: path)) else { return fresh }
        let remedy = "remove it to load the file from its first line"
        guard let note = try? JSONDecoder().decode(LoadNote.self, from: stored) else {
            throw LineFault("\(notePath(of: path)) cannot be understood: \(remedy)")
        }
        guard note.cluster == cluster else {
            throw LineFault("\(notePath(of: path)) is of a load into another cluster: \(remedy)")
        }
        guard note.bytes == fresh.bytes, note.beginning == beginning else {
            throw LineFault("\(path) has changed since \(notePath(of: path)) was written: \(remedy)")
        }
        return note
    }

    func write(of path: String) throws {
        try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: LoadNote.notePath(of: path)), options: .atomic)
    }

    static func notePath(of path: String) -> String { path + ".loaded" }
}
