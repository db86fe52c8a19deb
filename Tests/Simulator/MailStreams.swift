internal import Model

/// What was written to each stream of a `MailWorld` and what of it has arrived: each letter once and in order, unless its
/// source has lost it, or its destination has lost it after its source was told that it had it.
struct MailStreams {
    private struct Stream: Hashable {
        let source: PartitionID
        let destination: PartitionID
    }

    private struct Written {
        let value: UInt64
        let sequence: UInt64
        var isLostBySource = false
        /// Whether it had arrived once, and the destination has lost that.
        var isLostByDestination = false
    }

    private struct Course {
        var written: [Written] = []
        var arrivedCount = 0
        /// The last letter that the source has ever noted to have arrived: it may have forgotten that since, with what it lost,
        /// while a later letter was on its way.
        var acknowledged: UInt64 = 0

        func mayMiss(_ letter: Written) -> Bool {
            letter.isLostBySource || letter.isLostByDestination && letter.sequence <= acknowledged
        }
    }

    private var courses: [Stream: Course] = [:]
    private(set) var violation: String?

    mutating func fail(_ what: String) {
        if violation == nil { violation = "mail: " + what }
    }

    mutating func noteWritten(
        _ value: UInt64,
        _ sequence: UInt64,
        from source: PartitionID,
        to destination: PartitionID
    ) {
        let stream = Stream(source: source, destination: destination)
        courses[stream, default: Course()].written.append(Written(value: value, sequence: sequence))
    }

    mutating func noteAcknowledged(_ sequence: UInt64, from source: PartitionID, by destination: PartitionID) {
        let stream = Stream(source: source, destination: destination)
        let before = courses[stream]?.acknowledged ?? 0
        courses[stream, default: Course()].acknowledged = max(before, sequence)
    }

    mutating func noteArrived(_ value: UInt64, from source: PartitionID, to destination: PartitionID) {
        let stream = Stream(source: source, destination: destination)
        var course = courses[stream, default: Course()]
        while course.arrivedCount < course.written.count {
            let next = course.written[course.arrivedCount]
            course.arrivedCount += 1
            if next.value == value {
                courses[stream] = course
                return
            }
            if !course.mayMiss(next) {
                return fail("\(value) from \(source) to \(destination) was taken where \(next.value) was next")
            }
        }
        fail("\(value) from \(source) to \(destination) was taken where nothing was next")
    }

    mutating func noteSourceLost(from source: PartitionID, to destination: PartitionID, behind last: UInt64) {
        let stream = Stream(source: source, destination: destination)
        for (index, written) in (courses[stream]?.written ?? []).enumerated() where written.sequence > last {
            courses[stream]?.written[index].isLostBySource = true
        }
    }

    mutating func noteDestinationLost(from source: PartitionID, to destination: PartitionID, behind last: UInt64) {
        let stream = Stream(source: source, destination: destination)
        guard let course = courses[stream] else { return }
        let kept = course.written.prefix(course.arrivedCount).prefix { $0.sequence <= last }.count
        for index in kept..<course.arrivedCount {
            courses[stream]?.written[index].isLostByDestination = true
        }
        courses[stream]?.arrivedCount = kept
    }

    /// In the end everything has arrived.
    mutating func checkArrived() {
        for (stream, course) in courses {
            for written in course.written.dropFirst(course.arrivedCount) where !course.mayMiss(written) {
                fail("\(written.value) from \(stream.source) to \(stream.destination) has not arrived")
            }
        }
    }
}
