/// A host and a port, written `host:port`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    /// 0 asks the operating system for a free one, where it is listened on.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon != text.startIndex
        else { return nil }
        host = String(text[..<colon])
        self.port = port
    }

    package var description: String { "\(host):\(port)" }
}

extension SettingKey where Value == Endpoint {
    package static func endpoint(_ name: String, default value: String?, _ meaning: String) -> SettingKey {
        SettingKey(name, default: value, expected: "host:port", meaning) { Endpoint($0) }
    }
}
