internal import Foundation

/// Collects a process's configuration from a file, the environment and flags, each overriding the one before, and
/// hands it out key by key.
///
/// A key `log.durability` is the line `log.durability = always` in the file, the variable
/// `ROOKERY_LOG_DURABILITY`, and the flag `--set log.durability=always`.
package struct SettingsReader {
    private struct Given {
        let text: String
        let source: String
    }

    private var given: [String: Given] = [:]
    /// What was read, in the order of reading, for `printed`.
    private var read: [(name: String, text: String, source: String, meaning: String)] = []
    private let environment: [String: String]

    /// - Parameters:
    ///   - file: lines `key = value`; empty ones and those that begin with `#` do not count.
    ///   - flags: `key=value` each.
    package init(file: String?, environment: [String: String], flags: [String]) throws(SettingsError) {
        var text: String?
        if let file {
            do {
                text = try String(contentsOfFile: file, encoding: .utf8)
            } catch {
                throw .unreadableFile(path: file, why: "\(error.localizedDescription)")
            }
        }
        try self.init(text: text ?? "", path: file ?? "", environment: environment, flags: flags)
    }

    /// - Parameters:
    ///   - text: what the file holds.
    ///   - path: the file's name in errors.
    package init(
        text: String,
        path: String,
        environment: [String: String],
        flags: [String]
    ) throws(SettingsError) {
        self.environment = environment
        try readLines(of: text, path: path)
        for flag in flags {
            guard let (key, value) = SettingsReader.split(flag) else {
                throw .malformedLine(path: "--set", line: 1, text: flag)
            }
            given[key] = Given(text: value, source: "--set")
        }
    }

    private mutating func readLines(of text: String, path: String) throws(SettingsError) {
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let trimmed = line.trimmingCharacters(in: .whitespaces)
            if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
            guard let (key, value) = SettingsReader.split(trimmed) else {
                throw .malformedLine(path: path, line: number + 1, text: trimmed)
            }
            given[key] = Given(text: value, source: "\(path), line \(number + 1)")
        }
    }

    private static func split(_ text: String) -> (key: String, value: String)? {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        let key = text[..<equals].trimmingCharacters(in: .whitespaces)
        let value = text[text.index(after: equals)...].trimmingCharacters(in: .whitespaces)
        return key.isEmpty ? nil : (key, value)
    }

    /// The value of a key. Flags win over the environment, the environment over the file.
    package mutating func value<Value>(_ key: SettingKey<Value>) throws(SettingsError) -> Value {
        let variable = "ROOKERY_" + key.name.uppercased().replacingOccurrences(of: ".", with: "_")
        let found: Given
        if let flag = given[key.name], flag.source == "--set" {
            found = flag
        } else if let text = environment[variable] {
            found = Given(text: text, source: variable)
        } else if let line = given[key.name] {
            found = line
        } else if let text = key.defaultText {
            found = Given(text: text, source: "default")
        } else {
            throw .missingValue(key: key.name, meaning: key.meaning)
        }
        guard let value = key.parse(found.text) else {
            throw .invalidValue(key: key.name, value: found.text, source: found.source, expected: key.expected)
        }
        read.append((key.name, found.text, found.source, key.meaning))
        return value
    }

    /// To be called when every key has been read: what is left is a mistake.
    package func refuseUnknownKeys() throws(SettingsError) {
        let known = read.map(\.name)
        if let (key, value) = given.sorted(by: { $0.key < $1.key }).first(where: { !known.contains($0.key) }) {
            throw .unknownKey(key, source: value.source, known: known.sorted())
        }
    }

    /// The configuration as it is, in the form of a configuration file that says where each value came from.
    package var printed: String {
        read.map { name, text, source, meaning in
            let shown = name.hasSuffix("secret") || name.hasSuffix("password") ? (text.isEmpty ? "" : "(hidden)") : text
            return "# \(meaning) (\(source))\n\(name) = \(shown)\n"
        }.joined(separator: "\n")
    }
}
