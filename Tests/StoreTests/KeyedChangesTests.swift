import Randomness
import Store
import TestSupport
import Testing

@Suite struct KeyedChangesTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func open(_ name: String) throws -> Database {
        try Database(path: directory.path + "/" + name) { existing, operands in
            operands.reduce(existing.map { Array($0) } ?? []) { $0 + Array($1) }
        }
    }

    private func contents(of database: Database) throws -> [[UInt8]: [UInt8]] {
        var contents: [[UInt8]: [UInt8]] = [:]
        var iterator = database.scan(prefix: [])
        while let (key, value) = try iterator.next() { contents[key] = value }
        return contents
    }

    /// Keys of which some begin as others do, or are longer than what they are told apart by at first.
    private static let keys: [[UInt8]] = (0...30).flatMap { length in
        [[UInt8](repeating: 0, count: length), [UInt8](repeating: 7, count: length) + [0, 1], [UInt8(length)]]
    }

    /// The order of the changes of one key is all that counts.
    @Test(arguments: 1...UInt64(5))
    func changesComeToWhatTheyDoInTheOrderOfTheirTaking(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let (taken, sorted) = (try open("taken"), try open("sorted"))
        var changes = KeyedChanges()
        for round in 0..<200 {
            let (expected, batch) = (WriteBatch(), WriteBatch())
            for number in 0..<Int.random(in: 0..<40, using: &generator) {
                let key = Self.keys.randomElement(using: &generator) ?? []
                let value = [UInt8(round), UInt8(number)]
                switch Int.random(in: 0..<3, using: &generator) {
                case 0:
                    expected.put(key, value)
                    changes.append(.put, key, value)
                case 1:
                    expected.merge(key, value)
                    changes.append(.merge, key, value)
                default:
                    expected.delete(key)
                    changes.append(.delete, key)
                }
            }
            try taken.write(expected)
            changes.move(to: batch)
            try sorted.write(batch)
        }
        let expected = try contents(of: taken)
        #expect(!expected.isEmpty, "seed \(seed)")
        #expect(try contents(of: sorted) == expected, "seed \(seed)")
    }

    @Test(arguments: [true, false]) func aKeyThatWasPutOnceIsDeletedOnce(areTogether: Bool) throws {
        let database = try open("once")
        var changes = KeyedChanges()
        for effect in [KeyedChanges.Effect.put, .deleteOnce] {
            changes.append(effect, [1], [])
            if areTogether, effect == .put { continue }
            let batch = WriteBatch()
            changes.move(to: batch)
            #expect(batch.count == (areTogether ? 2 : 1))
            try database.write(batch)
        }
        #expect(try contents(of: database).isEmpty)
    }
}
