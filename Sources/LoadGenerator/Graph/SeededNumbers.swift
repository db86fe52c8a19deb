/// SplitMix64 (Steele, Lea, Flood, 2014): every run of a workload draws the same.
package struct SeededNumbers: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// Draws indexes with given weights, in O(log n).
package struct WeightedSampler: Sendable {
    private let sums: [Double]

    package init(weights: [Double]) {
        var total = 0.0
        sums = weights.map { weight in
            total += weight
            return total
        }
    }

    /// Zipf's law over `count` ranks: the weight of rank r, counted from 1, is r^-exponent.
    package static func zipf(count: Int, exponent: Double) -> WeightedSampler {
        WeightedSampler(weights: (1...max(1, count)).map { power(Double($0), -exponent) })
    }

    package func draw(_ random: inout some RandomNumberGenerator) -> Int {
        let target = Double.random(in: 0..<(sums.last ?? 1), using: &random)
        var low = 0
        var high = sums.count - 1
        while low < high {
            let middle = (low + high) / 2
            if sums[middle] > target {
                high = middle
            } else {
                low = middle + 1
            }
        }
        return low
    }
}
