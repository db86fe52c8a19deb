import Placement
import Replication
import Testing

@Suite struct ChecksumVerdictTests {
    private let second = NodeID(2)
    private let third = NodeID(3)

    @Test func whoDiffersFromMostIsWrong() {
        func verdict(_ own: UInt64, _ checksums: UInt64?...) -> ChecksumVerdict {
            let nodes = (2...).lazy.map { NodeID(UInt64($0)) }
            return ChecksumVerdict(
                primary: own,
                secondaries: zip(nodes, checksums).map { (node: $0, checksum: $1) }
            )
        }
        #expect(verdict(7, 7, 7) == .same)
        #expect(verdict(7, nil, nil) == .same)
        #expect(verdict(7, 8, 7) == .secondaryIsOdd(second))
        #expect(verdict(7, 7, 8) == .secondaryIsOdd(third))
        #expect(verdict(7, 8, 8) == .primaryIsOdd(successor: second))
        #expect(verdict(7, 8, 8, 8) == .primaryIsOdd(successor: second))
        // Nobody knows: one alone, one that was not heard, all different, two against two.
        #expect(verdict(7, 8) == .undecided([second]))
        #expect(verdict(7, 8, nil) == .undecided([second]))
        #expect(verdict(7, 8, 9) == .undecided([second, third]))
        #expect(verdict(7, 8, 8, 7) == .undecided([second, third]))
        #expect(verdict(7, 8, 8, nil) == .undecided([second, third]))
    }
}
