/// One thing that can be configured: the one place for its name, its default, its range and its meaning.
package struct SettingKey<Value: Sendable>: Sendable {
    package let name: String
    /// Nil where a value is required.
    package let defaultText: String?
    /// What values are allowed, in words.
    package let expected: String
    /// What it is for, in one sentence.
    package let meaning: String
    let parse: @Sendable (String) -> Value?

    init(
        _ name: String,
        default defaultText: String?,
        expected: String,
        _ meaning: String,
        parse: @escaping @Sendable (String) -> Value?
    ) {
        self.name = name
        self.defaultText = defaultText
        self.expected = expected
        self.meaning = meaning
        self.parse = parse
    }
}

extension SettingKey where Value == Int {
    package static func integer(
        _ name: String,
        default value: Int,
        in range: ClosedRange<Int>,
        _ meaning: String
    ) -> SettingKey {
        SettingKey(name, default: String(value), expected: "\(range.lowerBound) to \(range.upperBound)", meaning) {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension SettingKey where Value == String {
    package static func text(_ name: String, default value: String?, _ meaning: String) -> SettingKey {
        SettingKey(name, default: value, expected: "text", meaning) { $0 }
    }
}

extension SettingKey where Value == Bool {
    package static func flag(_ name: String, default value: Bool, _ meaning: String) -> SettingKey {
        SettingKey(name, default: String(value), expected: "true or false", meaning) { Bool($0) }
    }
}

extension SettingKey {
    /// One of a few words.
    package static func choice(
        _ name: String,
        default text: String,
        expected: String,
        _ meaning: String,
        parse: @escaping @Sendable (String) -> Value?
    ) -> SettingKey {
        SettingKey(name, default: text, expected: expected, meaning, parse: parse)
    }
}
