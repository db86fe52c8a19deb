import NIOCore
import Randomness
import Testing
import Wire

@Suite struct RESPCommandDecoderTests {
    private static func events(_ text: String, chunk: Int = .max) -> [RESPCommandDecoder.Event] {
        var decoder = RESPCommandDecoder()
        var buffer = ByteBuffer()
        var events: [RESPCommandDecoder.Event] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            buffer.writeBytes(rest.prefix(chunk))
            rest = rest.dropFirst(chunk)
            while let event = decoder.next(&buffer) {
                events.append(event)
                if case .broken = event { return events }
            }
        }
        return events
    }

    private static func words(_ words: String...) -> RESPCommandDecoder.Event {
        .command(words.map { Array($0.utf8) })
    }

    @Test(arguments: [1, 2, 3, 7, 1_000])
    func anyCutMakesTheSameCommands(chunk: Int) {
        let text = "*2\r\n$4\r\nECHO\r\n$5\r\na\r\nbc\r\nPING 'x y'\r\n\r\n*0\r\n*1\r\n$0\r\n\r\n"
        #expect(
            Self.events(text, chunk: chunk) == [
                Self.words("ECHO", "a\r\nbc"), Self.words("PING", "x y"), Self.words(""),
            ]
        )
    }

    @Test(arguments: [1, 1_000, .max])
    func whatIsTooLargeIsSkippedAndNamed(chunk: Int) {
        let large = String(repeating: "x", count: 70_000)
        let argument = "*2\r\n$4\r\nECHO\r\n$70000\r\n\(large)\r\nPING\r\n"
        #expect(
            Self.events(argument, chunk: chunk) == [
                .refused("ERR argument has 70000 bytes, at most 65536"), Self.words("PING"),
            ]
        )
    }

    @Test func aCommandOfMoreThanAMegabyteIsRefused() {
        let piece = "$60000\r\n" + String(repeating: "x", count: 60_000) + "\r\n"
        let command = "*20\r\n" + String(repeating: piece, count: 20) + "PING\r\n"
        #expect(
            Self.events(command) == [.refused("ERR command has more than 1048576 bytes"), Self.words("PING")]
        )
    }

    @Test(arguments: [
        "*1\r\n$-5\r\n", "*1\r\n$536870913\r\n", "*9999999\r\n", "*x\r\n", "*1\r\nPING\r\n", "PING \"x\r\n",
        "*1\r\n$1\r\nxyz", "*11111111111111111111111111111111111",
    ])
    func noiseEndsTheConnection(_ text: String) {
        guard case .broken = Self.events(text).last else {
            Issue.record("\(text.debugDescription) was taken")
            return
        }
    }

    @Test func randomBytesNeverCrash() {
        var random = SeededGenerator(seed: 3)
        let alphabet = Array("*$:+-\r\n0123456789 \"'\\xPING".utf8)
        for _ in 0..<20_000 {
            var decoder = RESPCommandDecoder()
            var buffer = ByteBuffer(
                bytes: (0..<Int.random(in: 1...60, using: &random)).map { _ in
                    random.one(in: 10)
                        ? UInt8.random(in: 0...255, using: &random)
                        : alphabet[Int.random(in: alphabet.indices, using: &random)]
                }
            )
            for _ in 0..<100 {
                guard let event = decoder.next(&buffer) else { break }
                if case .broken = event { break }
            }
        }
    }

    @Test func repliesInBothVersions() {
        let value = RESPValue.array([
            .map([("a", .integer(-5)), ("b", .null)]), .ids([0, 9_223_372_036_854_775_807]), .verbatim("x\n"),
            .error("ERR a\r\nb"), .bulk(""), .bulk("h\u{e9}"), .id(.max), .integer(.min), .bytes([1]),
        ])
        var two = ByteBuffer()
        two.write(value, as: .two)
        var three = ByteBuffer()
        three.write(value, as: .three)
        let rest =
            "-ERR a  b\r\n$0\r\n\r\n$3\r\nh\u{e9}\r\n$20\r\n18446744073709551615\r\n:-9223372036854775808\r\n$1\r\n\u{1}\r\n"
        let ids = "*2\r\n$1\r\n0\r\n$19\r\n9223372036854775807\r\n"
        #expect(
            String(buffer: two)
                == "*9\r\n*4\r\n$1\r\na\r\n:-5\r\n$1\r\nb\r\n$-1\r\n\(ids)$2\r\nx\n\r\n\(rest)"
        )
        #expect(
            String(buffer: three)
                == "*9\r\n%2\r\n$1\r\na\r\n:-5\r\n$1\r\nb\r\n_\r\n\(ids)=6\r\ntxt:x\n\r\n\(rest)"
        )
    }
}
