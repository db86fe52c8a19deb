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
