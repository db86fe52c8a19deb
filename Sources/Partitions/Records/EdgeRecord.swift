internal import Model

/// A follow edge, at either end.
struct EdgeRecord: Equatable {
    /// The log index of the follow in the follower's partition: a later change has a larger one.
    let version: LogIndex
    let time: Microseconds
}

/// What a partition knows of an author whom somebody in it follows.
struct AuthorPresence: Equatable {
    /// The log index of the follow that began the subscription; mail that answers an older one is ignored.
    let generation: LogIndex
    /// Whether the author's list is here: at once where the author is, else with the backfill.
    var isActive: Bool
    /// How many users of this partition follow the author.
    var followers: UInt64
}

/// The partitions that are subscribed to an author, in the author's partition.
struct SubscriberSet: Equatable {
    /// The generation of each partition's subscription.
    var generations: [PartitionID: LogIndex] = [:]

    var partitions: [PartitionID] { generations.keys.sorted() }
}

extension EdgeRecord: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(version)
        writer.writeVariable(time)
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        version = try reader.readVariable()
        time = try reader.readVariable()
    }
}

extension AuthorPresence: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.writeVariable(generation)
        writer.write(isActive)
        writer.writeVariable(followers)
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        generation = try reader.readVariable()
        isActive = try reader.readBool()
        followers = try reader.readVariable()
    }
}

extension SubscriberSet: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.writeArray(partitions) { writer, partition in
            writer.write(partition)
            writer.writeVariable(generations[partition] ?? 0)
        }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        for _ in 0..<(try reader.readCount(elementSize: 3)) {
            let partition = try reader.readPartition()
            generations[partition] = try reader.readVariable()
        }
    }
}
