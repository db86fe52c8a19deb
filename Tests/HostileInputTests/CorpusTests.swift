import Foundation
import HostileInput
import Testing

/// Feeds every decoder with all that fuzzing has found worth keeping, and with every prefix of the small ones.
@Suite struct CorpusTests {
    private static let corpora = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../Fuzz/Corpora").standardizedFileURL

    @Test(arguments: Decoder.allCases)
    func everyInputIsTaken(by decoder: Decoder) throws {
        let folder = Self.corpora.appending(path: decoder.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(files.count >= 5, "\(folder.path) has almost no inputs")
        for file in files {
            let bytes = Array(try Data(contentsOf: file))
            #expect(throws: Never.self, "\(file.lastPathComponent)") { try decoder.feed(bytes) }
            guard bytes.count <= 256 else { continue }
            for length in bytes.indices {
                #expect(throws: Never.self, "\(length) bytes of \(file.lastPathComponent)") {
                    try decoder.feed(Array(bytes.prefix(length)))
                }
            }
        }
    }
}
