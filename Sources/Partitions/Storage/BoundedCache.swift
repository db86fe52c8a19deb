/// Values in memory, of a bounded weight. What was not asked for lately goes first, a half of the cache at a time.
///
/// Two generations: a value that is set or asked for belongs to the recent one; when that has half of the weight, the
/// earlier one goes. Constant time, without an order to keep; evicting a dictionary's first element instead would move
/// all elements to its end, where each search passes all of them.
struct BoundedCache<Key: Hashable, Value> {
    private let largestGeneration: Int
    private let weight: (Value) -> Int
    private var recent: [Key: Value] = [:]
    private var earlier: [Key: Value] = [:]
    private var recentWeight = 0

    /// - Parameter limit: the most that all values may weigh together.
    init(limit: Int, weight: @escaping (Value) -> Int = { _ in 1 }) {
        largestGeneration = max(1, limit / 2)
        self.weight = weight
    }

    subscript(key: Key) -> Value? {
        mutating get {
            if let value = recent[key] { return value }
            guard let value = earlier.removeValue(forKey: key) else { return nil }
            insert(value, for: key)
            return value
        }
        set {
            guard let newValue else {
                remove(key)
                return
            }
            if let index = recent.index(forKey: key) {
                recentWeight += weight(newValue) - weight(recent.values[index])
                recent.values[index] = newValue
            } else {
                earlier[key] = nil
                insert(newValue, for: key)
            }
        }
    }

    /// - Returns: what was there, without a second reference to it.
    @discardableResult
    mutating func remove(_ key: Key) -> Value? {
        if let value = recent.removeValue(forKey: key) {
            recentWeight -= weight(value)
            return value
        }
        return earlier.removeValue(forKey: key)
    }

    mutating func removeAll() {
        recent = [:]
        earlier = [:]
        recentWeight = 0
    }

    private mutating func insert(_ value: Value, for key: Key) {
        let added = weight(value)
        guard added <= largestGeneration else { return }
        if recentWeight + added > largestGeneration {
            earlier = recent
            recent = [:]
            recentWeight = 0
        }
        recent[key] = value
        recentWeight += added
    }
}
