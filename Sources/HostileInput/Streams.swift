internal import Client
internal import NIOCore
internal import Wire

/// Decoders that cut a stream: the first byte of an input says how it arrives.
enum Streams {
    /// With the limits that hold, and with some that short inputs reach.
    static func clientCommands(_ input: [UInt8]) throws(Finding) {
        var narrow = RESPCommandDecoder.Limits()
        (narrow.command, narrow.argumentCount, narrow.argument, narrow.line) = (100, 6, 40, 60)
        for limits in [RESPCommandDecoder.Limits(), narrow] {
            let whole = commandEvents(input.dropFirst(), limits, chunk: .max)
            let cut = commandEvents(input.dropFirst(), limits, chunk: chunk(of: input))
            try Finding.unless(whole == cut, "read in pieces: \(cut), at once: \(whole)")
            for case .command(let words) in whole {
                try Finding.unless(
                    words.count <= limits.argumentCount
                        && words.allSatisfy { $0.count <= max(limits.argument, limits.line) }
                        && words.reduce(0) { $0 + $1.count } <= limits.command,
                    "a command past the limits"
                )
            }
        }
    }

    static func serverReplies(_ input: [UInt8]) throws(Finding) {
        let whole = decoded(input.dropFirst(), chunk: .max, ReplyDecoder()) { $0 }
        let cut = decoded(input.dropFirst(), chunk: chunk(of: input), ReplyDecoder()) { $0 }
        for reply in whole.values { _ = (reply.string, reply.array, reply["a"]) }
        try Finding.unless(whole == cut, "read in pieces: \(cut), at once: \(whole)")
    }

    static func frames(_ input: [UInt8]) throws(Finding) {
        let bytes = Array(input.dropFirst())
        let whole = decoded(bytes[...], chunk: .max, FrameDecoder()) { $0.payload }
        let cut = decoded(bytes[...], chunk: chunk(of: input), FrameDecoder()) { $0.payload }
        try Finding.unless(whole == cut, "read in pieces: \(cut), at once: \(whole)")
        _ = try? Handshake.check(bytes, secret: "")
        // Behind a true checksum, which chance does not hit.
        var buffer = ByteBuffer()
        Frame(kind: .request, id: 7, payload: bytes).write(to: &buffer)
        let again = decoded(Array(buffer.readableBytesView)[...], chunk: .max, FrameDecoder()) { $0.payload }
        try Finding.unless(again == Decoded(values: [bytes], isBroken: false), "a frame did not come back")
        var hello = Handshake(secret: "", name: "").payload()
        for (index, byte) in bytes.prefix(hello.count).enumerated() where byte != 0 { hello[index] ^= byte }
        _ = try? Handshake.check(hello + bytes.dropFirst(hello.count), secret: "")
    }

    private static func chunk(of input: [UInt8]) -> Int { max(1, Int(input.first ?? 1)) }

    private static func commandEvents(
        _ bytes: ArraySlice<UInt8>,
        _ limits: RESPCommandDecoder.Limits,
        chunk: Int
    ) -> [RESPCommandDecoder.Event] {
        var decoder = RESPCommandDecoder(limits: limits)
        var events: [RESPCommandDecoder.Event] = []
        var buffer = ByteBuffer()
        var rest = bytes
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

    private struct Decoded<Value: Equatable>: Equatable {
        var values: [Value]
        var isBroken: Bool
    }

    private static func decoded<Decoding: NIOSingleStepByteToMessageDecoder, Value: Equatable>(
        _ bytes: ArraySlice<UInt8>,
        chunk: Int,
        _ decoder: Decoding,
        _ transform: (Decoding.InboundOut) -> Value
    ) -> Decoded<Value> {
        var decoder = decoder
        var found = Decoded<Value>(values: [], isBroken: false)
        var buffer = ByteBuffer()
        var rest = bytes
        while !rest.isEmpty {
            buffer.writeBytes(rest.prefix(chunk))
            rest = rest.dropFirst(chunk)
            do {
                while let value = try decoder.decode(buffer: &buffer) {
                    found.values.append(transform(value))
                }
            } catch {
                found.isBroken = true
                return found
            }
        }
        return found
    }
}
