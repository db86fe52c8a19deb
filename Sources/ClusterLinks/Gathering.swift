/// Results of several questions, while they come in; handed out together, in the order of the questions. Confined to its event loop.
package final class Gathering<Value> {
    private var values: [Value?]
    private var missing: Int
    private let completion: ([Value]) -> Void

    /// - Parameters:
    ///   - count: at least 1.
    ///   - completion: called once, when all have come.
    package init(count: Int, completion: @escaping ([Value]) -> Void) {
        values = [Value?](repeating: nil, count: count)
        missing = count
        self.completion = completion
    }

    /// The first answer to a question counts.
    package func set(_ value: Value, at index: Int) {
        guard values[index] == nil else { return }
        values[index] = value
        missing -= 1
        if missing == 0 { completion(values.compactMap { $0 }) }
    }
}
