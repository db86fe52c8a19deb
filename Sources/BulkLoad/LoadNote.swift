internal import Foundation

/// How far a file is loaded, kept beside it: an interrupted load goes on from there.
struct LoadNote: Codable, Equatable {
    /// Lines that are done, those with errors included.
    var lines = 0
    /// How many of them had errors.
    var problems = 0
    /// Into which cluster.
    let cluster: String
    /// Of all lines that are done: the file may have grown since, and must not have changed.
    var fingerprint = Fingerprint().value

    /// Opens a file behind the lines that are done, with what is noted of them, or a note that nothing is.
    ///
    /// - Throws: `LineFault` where the note is of another cluster or of other lines: which are done, nobody knows.
    static func open(_ path: String, cluster: String) throws -> (LoadNote, LineFile) {
        let file = try LineFile(path)
        guard let stored = FileManager.default.contents(atPath: notePath(of: path)) else {
            return (LoadNote(cluster: cluster), file)
        }
        let remedy = "remove it to load the file from its first line"
        guard let note = try? JSONDecoder().decode(LoadNote.self, from: stored), note.lines >= 0, note.problems >= 0
        else {
            throw LineFault("\(notePath(of: path)) cannot be understood: \(remedy)")
        }
        guard note.cluster == cluster else {
            throw LineFault("\(notePath(of: path)) is of a load into another cluster: \(remedy)")
        }
        try file.skip(note.lines)
        guard file.count == note.lines, file.fingerprint == note.fingerprint else {
            throw LineFault("\(path) has changed since \(notePath(of: path)) was written: \(remedy)")
        }
        return (note, file)
    }

    func write(of path: String) throws {
        try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: LoadNote.notePath(of: path)), options: .atomic)
    }

    static func notePath(of path: String) -> String { path + ".loaded" }
}
