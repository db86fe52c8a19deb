import Model
import Randomness
import Testing

@Suite struct SnowflakeTests {
    private let partition = PartitionID(1_023)

    @Test func partsComeBack() {
        let id = Snowflake.id(at: 1_700_000_000_123, partition: partition, sequence: 77)
        #expect(Snowflake.time(of: id) == 1_700_000_000_123)
        #expect(Snowflake.partition(of: id) == partition)
        #expect(id & 0xfff == 77)
    }

    @Test func idsIncreaseWhenTheClockMovesAnHourBackAndADayForward() {
        var random = SeededGenerator(seed: 5)
        var time: UInt64 = 1_700_000_000_000
        var last: UInt64 = 0
        for step in 0..<200_000 {
            switch step {
            case 50_000: time -= 3_600_000
            case 100_000: time += 86_400_000
            case 150_000: time -= 86_400_000
            default: time += random.one(in: 10) ? 1 : 0
            }
            let id = Snowflake.next(after: last, at: time, partition: partition)
            #expect(id > last)
            #expect(Snowflake.partition(of: id) == partition)
            last = id
        }
    }

    @Test func aFullMillisecondBorrowsTheNext() {
        let last = Snowflake.id(at: 1_700_000_000_000, partition: partition, sequence: 4_095)
        let next = Snowflake.next(after: last, at: 1_700_000_000_000, partition: partition)
        #expect(Snowflake.time(of: next) == 1_700_000_000_001)
        #expect(next > last)
    }
}
