package import Model
package import Placement

/// What everybody asks the coordinator.
package enum CoordinatorRequest: Equatable, Sendable {
    /// A node says who it is and how it does; sent when it starts and then regularly.
    case beat(Member, NodeHealth)
    /// The map, at once if it is newer than `version`, else when it changes or after a while.
    case map(newerThan: UInt64)
    /// Fix the partition count and place the partitions on the nodes that are there.
    case initialize(partitions: Int, replicationFactor: Int, nodes: Int)
    /// How every node does.
    case health
    /// Make this a partition's configuration if the epoch is still the one before its own. Answered with the map,
    /// whoever has changed it.
    case propose(PartitionID, PartitionMap.Configuration)
    /// Let a node become a member of a partition, as an operator wants it. Answered with the map; the partition's primary
    /// proposes it when it holds what the members hold.
    case addLearner(PartitionID, NodeID)
    /// Let a node lead a partition that has too few replicas to be led by the rules, if its epoch is still this one, as an
    /// operator wants it who accepts what that may lose. Answered with the map.
    case force(PartitionID, epoch: UInt64, NodeID)
    /// Take this map, put together from what nodes remember, as the coordinator has lost its own. Answered with the map.
    case restore(PartitionMap)
}

/// How a node does, as it says itself.
package struct NodeHealth: Hashable, Sendable {
    /// Whether it may be given partitions, and counts as there: it may serve all that it has, but for what has stopped.
    package let isReady: Bool
    /// What is wrong; empty where nothing is.
    package let problem: String
    package let durability: String
    package let partitions: Int
    package let logBytes: UInt64
    /// What the destinations have not taken yet.
    package let waitingLetters: UInt64
    /// Committed entries that its replicas, secondaries mostly, have not applied yet.
    package let unappliedEntries: UInt64
    /// Of which it has lost entries that it had acknowledged: as a member of them it is one in name only.
    package let lostPartitions: Set<PartitionID>
    /// Which have stopped there: others are to do without its replicas of them.
    package let stoppedPartitions: Set<PartitionID>

    /// Whether nothing is amiss with what it has.
    package var isWell: Bool { isReady && stoppedPartitions.isEmpty }

    package init(
        isReady: Bool,
        problem: String,
        durability: String,
        partitions: Int,
        logBytes: UInt64,
        waitingLetters: UInt64,
        unappliedEntries: UInt64,
        lostPartitions: Set<PartitionID> = [],
        stoppedPartitions: Set<PartitionID> = []
    ) {
        self.isReady = isReady
        self.problem = problem
        self.durability = durability
        self.partitions = partitions
        self.logBytes = logBytes
        self.waitingLetters = waitingLetters
        self.unappliedEntries = unappliedEntries
        self.lostPartitions = lostPartitions
        self.stoppedPartitions = stoppedPartitions
    }
}

/// A node as the coordinator sees it.
package struct NodeStatus: Hashable, Sendable {
    package let node: NodeID
    /// Since it was last heard of; nil where it was not since the coordinator started.
    package let silentMilliseconds: UInt64?
    package let health: NodeHealth?

    package init(node: NodeID, silentMilliseconds: UInt64?, health: NodeHealth?) {
        self.node = node
        self.silentMilliseconds = silentMilliseconds
        self.health = health
    }
}

/// What the coordinator answers.
package enum CoordinatorReply: Equatable, Sendable {
    case map(PartitionMap)
    case health([NodeStatus])
    /// The beat was taken; the coordinator's map has this version.
    case beaten(mapVersion: UInt64)
    case refused(Refusal)
}

extension CoordinatorRequest: BinaryCodable {
    package func encode(into writer: inout BinaryWriter) {
        switch self {
        case .beat(let member, let health):
            writer.write(UInt8(1))
            writer.write(member)
            writer.write(health)
        case .map(let version):
            writer.write(UInt8(2))
            writer.writeVariable(version)
        case .initialize(let partitions, let factor, let nodes):
            writer.write(UInt8(3))
            writer.writeCount(partitions)
            writer.writeCount(factor)
            writer.writeCount(nodes)
        case .health:
            writer.write(UInt8(4))
        case .propose(let partition, let configuration):
            writer.write(UInt8(5))
            writer.write(partition)
            writer.write(configuration)
        case .addLearner(let partition, let node):
            writer.write(UInt8(6))
            writer.write(partition)
            writer.writeFixed(node.rawValue)
        case .force(let partition, let epoch, let node):
            writer.write(UInt8(7))
            writer.write(partition)
            writer.writeVariable(epoch)
            writer.writeFixed(node.rawValue)
        case .restore(let map):
            writer.write(UInt8(8))
            writer.write(map)
        }
    }

    package init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        switch try reader.readByte() {
        case 1: self = .beat(try reader.read(), try reader.read())
        case 2: self = .map(newerThan: try reader.readVariable())
        case 3:
            self = .initialize(
                partitions: try reader.readSmall(),
                replicationFactor: try reader.readSmall(),
                nodes: try reader.readSmall()
            )
        case 4: self = .health
        case 5: self = .propose(try reader.readPartition(), try reader.read())
        case 6: self = .addLearner(try reader.readPartition(), NodeID(try reader.readFixed()))
        case 7:
            self = .force(
                try reader.readPartition(),
                epoch: try reader.readOrdinal(),
                NodeID(try reader.readFixed())
            )
        case 8: self = .restore(try reader.read())
        case let other: throw .invalid("coordinator request \(other)")
        }
    }
}

extension CoordinatorReply: BinaryCodable {
    package func encode(into writer: inout BinaryWriter) {
        switch self {
        case .map(let map):
            writer.write(UInt8(1))
            writer.write(map)
        case .health(let statuses):
            writer.write(UInt8(2))
            writer.writeArray(statuses) { writer, status in
                writer.writeFixed(status.node.rawValue)
                writer.writeOptional(status.silentMilliseconds) { $0.writeVariable($1) }
                writer.writeOptional(status.health) { $0.write($1) }
            }
        case .beaten(let version):
            writer.write(UInt8(3))
            writer.writeVariable(version)
        case .refused(let refusal):
            writer.write(UInt8(4))
            writer.write(refusal)
        }
    }

    package init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        switch try reader.readByte() {
        case 1: self = .map(try reader.read())
        case 2:
            self = .health(
                try reader.readArray(elementSize: 10) { reader throws(BinaryDecodingError) in
                    NodeStatus(
                        node: NodeID(try reader.readFixed()),
                        silentMilliseconds: try reader.readOptional { reader throws(BinaryDecodingError) in
                            try reader.readVariable()
                        },
                        health: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
                    )
                }
            )
        case 3: self = .beaten(mapVersion: try reader.readVariable())
        case 4: self = .refused(try reader.read())
        case let other: throw .invalid("coordinator reply \(other)")
        }
    }
}

extension NodeHealth: BinaryCodable {
    package func encode(into writer: inout BinaryWriter) {
        writer.write(isReady)
        writer.write(problem)
        writer.write(durability)
        writer.writeCount(partitions)
        writer.writeVariable(logBytes)
        writer.writeVariable(waitingLetters)
        writer.writeVariable(unappliedEntries)
        writer.writeArray(lostPartitions.sorted()) { $0.write($1) }
        writer.writeArray(stoppedPartitions.sorted()) { $0.write($1) }
    }

    package init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        self.init(
            isReady: try reader.readBool(),
            problem: try reader.readString(),
            durability: try reader.readString(),
            partitions: try reader.readSmall(),
            logBytes: try reader.readVariable(),
            waitingLetters: try reader.readVariable(),
            unappliedEntries: try reader.readVariable(),
            lostPartitions: try reader.readPartitions(),
            stoppedPartitions: try reader.readPartitions()
        )
    }
}

extension BinaryReader {
    fileprivate mutating func readPartitions() throws(BinaryDecodingError) -> Set<PartitionID> {
        Set(try readArray(elementSize: 2) { reader throws(BinaryDecodingError) in try reader.readPartition() })
    }

    fileprivate mutating func readSmall() throws(BinaryDecodingError) -> Int {
        let value = try readVariable()
        guard value <= UInt64(UInt16.max) else { throw .invalid("count \(value)") }
        return Int(value)
    }
}
