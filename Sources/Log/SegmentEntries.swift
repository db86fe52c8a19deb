internal import Model

/// What one file of the log has of a partition, and where a reader may begin who looks for an entry.
struct SegmentEntries: Sendable {
    /// An entry and where its batch begins, from the file's beginning.
    private struct Landmark {
        let index: LogIndex
        let offset: Int
    }

    /// The least and the largest index, replaced entries of this file included.
    private(set) var indexes: ClosedRange<LogIndex>
    private var landmarks: [Landmark]

    init(_ index: LogIndex, at offset: Int) {
        indexes = index...index
        landmarks = [Landmark(index: index, offset: offset)]
    }

    mutating func note(_ index: LogIndex, at offset: Int, landmarkSpacing: Int) {
        indexes = min(indexes.lowerBound, index)...max(indexes.upperBound, index)
        if let last = landmarks.last, offset - last.offset < landmarkSpacing { return }
        landmarks.append(Landmark(index: index, offset: offset))
    }

    /// Without what has been replaced behind this file; nil where nothing is left.
    func before(_ index: LogIndex) -> SegmentEntries? {
        guard indexes.lowerBound < index else { return nil }
        var remaining = self
        remaining.indexes = indexes.lowerBound...min(indexes.upperBound, index - 1)
        remaining.landmarks.removeAll { $0.index >= index }
        return remaining
    }

    /// Where to begin to read for the entries from an index on: none of them that counts is in front of that.
    ///
    /// An entry replaces those in front of it with its index or a larger one, so that this holds behind each landmark up to the
    /// index, whatever order they have.
    func start(from index: LogIndex) -> Int {
        landmarks.last { $0.index <= index }?.offset ?? BatchFormat.segmentHeaderSize
    }
}
