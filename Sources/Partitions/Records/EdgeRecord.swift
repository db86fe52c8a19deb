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

    /// About what one takes in memory with its key, in bytes.
    static let memory = 64
}

/// The partitions that are subscribed to an author, in the author's partition.
struct SubscriberSet: Equatable {
    private struct Subscription: Equatable {
        let partition: PartitionID
        let generation: LogIndex
    }

    /// In the order of the partitions. An array: there are many sets in memory, and few partitions in most.
    private var subscriptions: [Subscription] = []

    var partitions: [PartitionID] { subscriptions.map(\.partition) }

    /// About what it takes in memory with its key, in bytes.
    var memory: Int { 64 + 32 + 16 * subscriptions.count }

    mutating func begin(_ partition: PartitionID, generation: LogIndex) {
        end(partition)
        let position = subscriptions.firstIndex { $0.partition > partition } ?? subscriptions.count
        subscriptions.insert(Subscription(partition: partition, generation: generation), at: position)
    }

    mutating func end(_ partition: PartitionID) {
        subscriptions.removeAll { $0.partition == partition }
    }
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
        writer.writeArray(subscriptions) { writer, subscription in
            writer.write(subscription.partition)
            writer.writeVariable(subscription.generation)
        }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        subscriptions = try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in
            Subscription(partition: try reader.readPartition(), generation: try reader.readVariable())
        }
    }
}
