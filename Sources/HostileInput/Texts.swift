internal import BulkLoad
internal import Foundation
internal import Model
internal import Settings

/// Decoders of text that people or front ends give.
enum Texts {
    static func cursors(_ input: [UInt8]) throws(Finding) {
        guard let kind = input.first else { return }
        let bytes = Array(input.dropFirst())
        switch kind % 5 {
        case 0: try cursor(EdgeCursor.self, [.following, .followers], bytes)
        case 1: try cursor(HomeCursor.self, [.home], bytes)
        case 2: try cursor(TweetID.self, [.userTimeline], bytes)
        case 3: try cursor(Position.self, [.position], bytes)
        default: try cursor(DumpPosition.self, [.dump], bytes)
        }
    }

    private static func cursor<Value: BinaryCodable & Equatable>(
        _ type: Value.Type,
        _ kinds: [Cursor.Kind],
        _ bytes: [UInt8]
    ) throws(Finding) {
        let user = UserID(5)
        for kind in kinds {
            _ = try? Cursor.parse(bytes, as: kind, of: user) as Value
            guard let value = try? Value(decoding: bytes) else { continue }
            let text = Cursor.text(kind, of: user, value)
            let back: Value? = try? Cursor.parse(text.utf8, as: kind, of: user)
            try Finding.unless(back == value, "the cursor \(text) came back as \(String(describing: back))")
            let ofOther: Value? = try? Cursor.parse(text.utf8, as: kind, of: UserID(6))
            try Finding.unless(ofOther == nil, "another user's cursor \(text) was taken")
        }
    }

    static func configuration(_ input: [UInt8]) throws(Finding) {
        let text = String(decoding: input, as: UTF8.self)
        _ = try? SettingsReader(file: "/dev/null", environment: [:], flags: [])
        // The same text as a file, as a variable and as a flag.
        let variables = ["ROOKERY_NODE_LISTEN": text, "ROOKERY_NODE_NAME": text]
        for (file, environment, flags) in [(text, [:], []), ("", variables, []), ("", [:], [text])] {
            var endpoint: Endpoint?
            do throws(SettingsError) {
                var reader = try SettingsReader(text: file, path: "fuzz.conf", environment: environment, flags: flags)
                endpoint = try? reader.value(.endpoint("node.listen", default: "127.0.0.1:0", "an endpoint"))
                try read(&reader)
            } catch {
                try Finding.unless(!error.description.isEmpty, "an error without words")
            }
            guard let endpoint else { continue }
            let again = Endpoint(Endpoint(host: endpoint.host, port: endpoint.port).description)
            try Finding.unless(again == endpoint, "the endpoint \(endpoint) came back as \(String(describing: again))")
        }
    }

    private static func read(_ reader: inout SettingsReader) throws(SettingsError) {
        _ = try? reader.value(.integer("log.segment", default: 5, in: 1...99, "a number"))
        _ = try? reader.value(.flag("node.flag", default: false, "a flag"))
        _ = try? reader.value(.text("node.name", default: nil, "a text"))
        _ = try? reader.value(.text("node.secret", default: "", "a secret"))
        _ = reader.printed
        try reader.refuseUnknownKeys()
    }

    static func loadLines(_ input: [UInt8]) throws(Finding) {
        let text = String(decoding: input, as: UTF8.self)
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let follow = try? LoadLine.follow(line) {
                try Finding.unless(line.contains("\t"), "\(follow) of a line without a tab")
            }
            if let dumped = try? LoadLine.dumped(line) {
                let again = (try? JSONEncoder().encode(DumpLine(dumped))).map { String(decoding: $0, as: UTF8.self) }
                let back = again.flatMap { try? LoadLine.dumped(Substring($0)) }
                try Finding.unless(back == dumped, "\(dumped) came back as \(String(describing: back))")
                try Finding.unless(dumped.isOfTheKind(of: dumped), "\(dumped) is not of its own kind")
                try Finding.unless(
                    dumped.users.isEmpty || dumped.users.contains(dumped.actor),
                    "\(dumped) needs others than its actor"
                )
            }
            do throws(LineFault) {
                _ = try LoadLine.dumped(line)
            } catch {
                try Finding.unless(!error.description.isEmpty, "a fault without words")
            }
            guard let loaded = (try? LoadLine.follow(line)) ?? (try? LoadLine.tweet(line)) else { continue }
            try Finding.unless(loaded.users.contains(loaded.actor), "\(loaded) of nobody")
        }
    }
}
