import Model
import NIOCore
import Wire

/// What every command passes on its way: bytes to values and back.
enum CodecBenchmarks {
    private static let entry = LogEntry(
        time: 1_700_000_000_000_000,
        mintedID: 2_123_984_362_516_017_152,
        command: .postTweet(
            PostTweet(author: UserID(12_345), text: "sixty characters of a tweet that says nothing in particular")
        )
    )

    static var all: [Microbenchmark] {
        [
            Microbenchmark("mint-id", count: 100_000) {
                var last: UInt64 = 0
                return { number in
                    last = Snowflake.next(
                        after: last,
                        at: 1_700_000_000_000 + UInt64(number / 100),
                        partition: PartitionID(7)
                    )
                }
            },
            Microbenchmark("encode-command", count: 20_000) {
                let entry = Self.entry
                return { _ in keep(entry.encoded()) }
            },
            Microbenchmark("decode-command", count: 20_000) {
                let bytes = entry.encoded()
                return { _ in keep(try LogEntry(decoding: bytes)) }
            },
            Microbenchmark("decode-resp-command", count: 20_000) {
                let text = "*5\r\n$13\r\nTIMELINE.HOME\r\n$5\r\n12345\r\n$5\r\nCOUNT\r\n$2\r\n50\r\n$3\r\nIDS\r\n"
                var decoder = RESPCommandDecoder()
                return { _ in
                    var buffer = ByteBuffer(string: text)
                    keep(decoder.next(&buffer))
                }
            },
            Microbenchmark("encode-resp-page", count: 5_000) {
                let ids = (0..<50).map { 2_123_984_362_516_017_152 - UInt64($0) }
                var buffer = ByteBuffer()
                return { _ in
                    buffer.clear()
                    buffer.write(.array([.bulk(""), .ids(ids), .bulk("b18b3cb5cf28fc03f1f894c091989803")]), as: .two)
                }
            },
            Microbenchmark("encode-frame", count: 20_000) {
                let payload = [UInt8](repeating: 7, count: 200)
                var buffer = ByteBuffer()
                return { number in
                    buffer.clear()
                    Frame(kind: .request, id: UInt64(number), payload: payload).write(to: &buffer)
                }
            },
            Microbenchmark("decode-frame", count: 20_000) {
                var decoder = FrameDecoder()
                var bytes = ByteBuffer()
                Frame(kind: .request, id: 7, payload: [UInt8](repeating: 7, count: 200)).write(to: &bytes)
                return { _ in
                    var buffer = bytes
                    keep(try decoder.decode(buffer: &buffer))
                }
            },
        ]
    }
}
