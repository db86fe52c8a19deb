import LoadGenerator
import Testing

@Suite struct RedisReadMarkTests {
    @Test(arguments: [(0, 0), (1, 1), (1_001, 123_456_789), (4_095, 1 << 40)] as [(UInt64, UInt64)])
    func marksArePackedIntoANumber(length: UInt64, last: UInt64) {
        let mark = RedisReadMark(length: length, last: last)
        #expect(RedisReadMark(packed: mark.packed) == mark)
        #expect(mark.length == length && mark.last == last)
    }
}
