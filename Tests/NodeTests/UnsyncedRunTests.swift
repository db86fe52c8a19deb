import Node
import Store
import TestSupport
import Testing

@Suite struct UnsyncedRunTests {
    private static func run(in directory: DataDirectory) -> UnsyncedRun { UnsyncedRun(directory: directory) }

    @Test func aProcessThatWasKilledHasLostNothing() throws {
        let path = try TemporaryDirectory()
        let directory = try DataDirectory(path: path.path + "/n")
        check(try !Self.run(in: directory).mayHaveLostWrites())
        try Self.run(in: directory).begin()
        // The machine has gone on.
        check(try !Self.run(in: directory).mayHaveLostWrites())
    }

    @Test func aMachineThatStoppedMayHave() throws {
        let path = try TemporaryDirectory()
        let directory = try DataDirectory(path: path.path + "/n")
        try Self.run(in: directory).begin()
        try directory.replaceFile("UNSYNCED", with: Array("another boot\n".utf8))
        check(try Self.run(in: directory).mayHaveLostWrites())
        // What begins now is of this boot.
        try Self.run(in: directory).begin()
        check(try !Self.run(in: directory).mayHaveLostWrites())
    }

    @Test func whatWasEndedHasLostNothing() throws {
        let path = try TemporaryDirectory()
        let directory = try DataDirectory(path: path.path + "/n")
        try Self.run(in: directory).begin()
        try Self.run(in: directory).end()
        check(try directory.file("UNSYNCED")?.isEmpty == true)
        check(try !Self.run(in: directory).mayHaveLostWrites())
    }
}

private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
