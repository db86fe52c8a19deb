/// Why a configuration cannot be used: each says which key and where it came from. Mend it and start again.
package enum SettingsError: Error, Equatable, Sendable, CustomStringConvertible {
    case unknownKey(String, source: String, known: [String])
    case invalidValue(key: String, value: String, source: String, expected: String)
    case missingValue(key: String, meaning: String)
    case unreadableFile(path: String, why: String)
    case malformedLine(path: String, line: Int, text: String)

    package var description: String {
        switch self {
        case .unknownKey(let key, let source, let known):
            "unknown configuration key \(key) (\(source)); known are \(known.joined(separator: ", "))"
        case .invalidValue(let key, let value, let source, let expected):
            "configuration key \(key) has the value '\(value)' (\(source)); expected \(expected)"
        case .missingValue(let key, let meaning): "configuration key \(key) is required: \(meaning)"
        case .unreadableFile(let path, let why): "cannot read configuration file \(path): \(why)"
        case .malformedLine(let path, let line, let text):
            "configuration file \(path), line \(line): expected 'key = value', found '\(text)'"
        }
    }
}
