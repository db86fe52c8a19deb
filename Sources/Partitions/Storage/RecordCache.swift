/// Records in memory as the entry being applied has them, a bounded number.
struct RecordCache<ID: Hashable, Record> {
    private let limit: Int
    private var cached: [ID: Record] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    subscript(id: ID) -> Record? {
        get { cached[id] }
        set {
            // Any may go: it is read again when it is asked for.
            if newValue != nil, cached.count >= limit, cached[id] == nil, let victim = cached.keys.first {
                cached[victim] = nil
            }
            cached[id] = newValue
        }
    }
}
