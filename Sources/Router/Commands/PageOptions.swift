internal import Model

/// `COUNT` and `CURSOR`, which every command has that answers page by page.
struct PageOptions<Position: BinaryDecodable> {
    private let kind: Cursor.Kind
    private let owner: UserID
    private let largest: Int
    /// How many items the page may have.
    private(set) var count: Int
    /// Where the page before ended; nil for the first page.
    private(set) var after: Position?

    /// - Parameters:
    ///   - owner: whose cursors are taken.
    ///   - count: where none is asked for.
    ///   - largest: the most that may be asked for.
    init(_ kind: Cursor.Kind, of owner: UserID, count: Int, largest: Int) {
        self.kind = kind
        self.owner = owner
        self.count = count
        self.largest = largest
    }

    /// Takes an option's value.
    ///
    /// - Returns: false for an option that is neither.
    mutating func take(_ option: String, from arguments: inout Arguments) throws(Refusal) -> Bool {
        switch option {
        case "COUNT": count = try arguments.integer("COUNT", in: 1...largest)
        case "CURSOR":
            let text = try arguments.next()
            after = text.isEmpty ? nil : try Cursor.parse(text, as: kind, of: owner)
        default: return false
        }
        return true
    }
}
