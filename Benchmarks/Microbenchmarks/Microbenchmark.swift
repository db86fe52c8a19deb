/// One inner loop: what `scripts/check --bench` counts the instructions of.
struct Microbenchmark {
    let name: String
    /// How often it runs for one measurement.
    let count: Int
    /// Prepares what it needs, and returns what is run so many times.
    let prepare: () throws -> (Int) throws -> Void

    init(_ name: String, count: Int, prepare: @escaping () throws -> (Int) throws -> Void) {
        self.name = name
        self.count = count
        self.prepare = prepare
    }
}

/// Keeps the optimizer from dropping a result that nobody reads.
@inline(never)
func keep<Value>(_ value: Value) {
    withExtendedLifetime(value) {}
}
