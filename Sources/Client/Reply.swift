/// A reply of a server that speaks RESP.
package enum Reply: Equatable, Sendable {
    case text(String)
    case error(String)
    case integer(Int64)
    case null
    /// Arrays, sets and maps, the last as fields and values in turn.
    case array([Reply])

    /// The text of a text, the digits of an integer.
    package var string: String? {
        switch self {
        case .text(let text): text
        case .integer(let value): String(value)
        default: nil
        }
    }

    package var array: [Reply]? {
        guard case .array(let values) = self else { return nil }
        return values
    }

    /// The value of a field of a map.
    package subscript(field: String) -> Reply? {
        guard case .array(let values) = self else { return nil }
        for index in stride(from: 0, to: values.count - 1, by: 2) where values[index] == .text(field) {
            return values[index + 1]
        }
        return nil
    }
}
