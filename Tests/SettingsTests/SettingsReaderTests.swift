import Foundation
import Settings
import TestSupport
import Testing

@Suite struct SettingsReaderTests {
    private let loops = SettingKey<Int>.integer("node.loops", default: 1, in: 1...8, "Threads")
    private let name = SettingKey<String>.text("node.name", default: nil, "A name")

    private func reader(
        file: String? = nil,
        environment: [String: String] = [:],
        flags: [String] = []
    ) throws -> SettingsReader {
        guard let file else { return try SettingsReader(file: nil, environment: environment, flags: flags) }
        let directory = try TemporaryDirectory()
        let path = directory.path + "/file.conf"
        try file.write(toFile: path, atomically: true, encoding: .utf8)
        return try SettingsReader(file: path, environment: environment, flags: flags)
    }

    @Test func flagsWinOverTheEnvironmentAndThatOverTheFile() throws {
        let file = "# comment\n\nnode.loops = 2\n"
        var one = try reader(file: file)
        check(try one.value(loops) == 2)
        var two = try reader(file: file, environment: ["ROOKERY_NODE_LOOPS": "3"])
        check(try two.value(loops) == 3)
        var three = try reader(file: file, environment: ["ROOKERY_NODE_LOOPS": "3"], flags: ["node.loops=4"])
        check(try three.value(loops) == 4)
        #expect(three.printed.contains("node.loops = 4"))
        var none = try reader()
        check(try none.value(loops) == 1)
    }

    @Test func mistakesAreNamed() throws {
        var wrong = try reader(flags: ["node.loops=9"])
        let range = SettingsError.invalidValue(key: "node.loops", value: "9", source: "--set", expected: "1 to 8")
        check(problem { () throws(SettingsError) in _ = try wrong.value(loops) } == range)
        var missing = try reader()
        let required = SettingsError.missingValue(key: "node.name", meaning: "A name")
        check(problem { () throws(SettingsError) in _ = try missing.value(name) } == required)
        var unknown = try reader(flags: ["nodes.loop=1"])
        _ = try unknown.value(loops)
        #expect(throws: SettingsError.unknownKey("nodes.loop", source: "--set", known: ["node.loops"])) {
            try unknown.refuseUnknownKeys()
        }
        #expect(throws: SettingsError.self) { try reader(file: "no equals sign\n") }
        #expect(throws: SettingsError.self) { try SettingsReader(file: "/no/such", environment: [:], flags: []) }
    }

    private func problem(_ body: () throws(SettingsError) -> Void) -> SettingsError? {
        do throws(SettingsError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["", ":5", "host", "host:", "host:65536", "host:x"])
    func endpointsAreChecked(_ text: String) {
        #expect(Endpoint(text) == nil)
    }
}

/// `#expect` for expressions that change what they look at, which the macro cannot capture.
private func check(_ isTrue: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(isTrue, sourceLocation: sourceLocation)
}
