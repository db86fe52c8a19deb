package import Model
package import Placement
package import Replication

/// What routers and nodes ask nodes.
package enum NodeRequest: Equatable, Sendable {
    /// Carry a command out. Answered when it is durable and applied.
    case execute(PartitionID, Command)
    /// Reads, of several partitions of the node at once. Answered in order, each with a result of its own.
    case query([PartitionQuery])
    /// Letters for partitions of the node. Answered when they are applied, with how far each stream was taken.
    case deliver([MailBag])
    /// What replicas of one node tell those of another. Answered at once; what they say to it comes as another request.
    case replicate(ReplicaMail)
    /// A beacon for leases; on the port for beacons only.
    case beacon(NodeBeacon)
    /// A page of a partition for a replica that begins anew. Answered when it is written down.
    case snapshot(SnapshotPage)
    /// Hand a partition's primary over to one of its secondaries.
    case transfer(PartitionID, to: NodeID)
    /// A replica's checksum behind an entry. Answered when it has applied it.
    case checksum(PartitionID, index: LogIndex)
    /// Do without a secondary of a partition from now on.
    case exclude(PartitionID, NodeID)
    /// Ask the coordinator for a node that does not reach it. Answered with what it answers.
    case relay(CoordinatorRequest)
    /// What the node remembers of the map, with the newest configurations that its replicas have learnt of.
    case recollect
}

/// Messages of one node's replicas for another's.
package struct ReplicaMail: Equatable, Sendable {
    package let sender: NodeID
    /// Whoever else gets it is not who it is meant for.
    package let recipient: NodeID
    package let messages: [PartitionMessage]

    package init(sender: NodeID, recipient: NodeID, messages: [PartitionMessage]) {
        self.sender = sender
        self.recipient = recipient
        self.messages = messages
    }
}

package struct PartitionMessage: Equatable, Sendable {
    package let partition: PartitionID
    package let message: ReplicaMessage

    package init(partition: PartitionID, message: ReplicaMessage) {
        self.partition = partition
        self.message = message
    }
}

/// A page of a snapshot. Pages come one at a time, each again until it is answered.
package struct SnapshotPage: Equatable, Sendable {
    package let sender: NodeID
    package let recipient: NodeID
    package let partition: PartitionID
    /// Of the configuration whose primary sends it.
    package let epoch: UInt64
    /// Names the snapshot.
    package let stream: UInt64
    /// Counted from 0.
    package let number: UInt64
    /// The last entry that the snapshot has, and its epoch.
    package let index: LogIndex
    package let indexEpoch: UInt64
    /// In the order of their keys, behind those of the page before; none in the last page.
    package let records: [StoredRecord]
    /// `SnapshotDigest` of all records up to here: what is put together from pages must be what they were cut from.
    package let digest: UInt32

    package init(
        sender: NodeID,
        recipient: NodeID,
        partition: PartitionID,
        epoch: UInt64,
        stream: UInt64,
        number: UInt64,
        index: LogIndex,
        indexEpoch: UInt64,
        records: [StoredRecord],
        digest: UInt32
    ) {
        self.sender = sender
        self.recipient = recipient
        self.partition = partition
        self.epoch = epoch
        self.stream = stream
        self.number = number
        self.index = index
        self.indexEpoch = indexEpoch
        self.records = records
        self.digest = digest
    }
}

/// A beacon with who sends it and for whom it is.
package struct NodeBeacon: Equatable, Sendable {
    package let sender: NodeID
    package let recipient: NodeID
    package let beacon: Beacon

    package init(sender: NodeID, recipient: NodeID, beacon: Beacon) {
        self.sender = sender
        self.recipient = recipient
        self.beacon = beacon
    }
}

package struct PartitionQuery: Equatable, Sendable {
    package let partition: PartitionID
    package let query: Query
    /// Whether any member of the partition may answer that is behind by no more than `ReplicationTimes.staleness`.
    package var mayBeBehind: Bool

    package init(partition: PartitionID, query: Query, mayBeBehind: Bool = false) {
        self.partition = partition
        self.query = query
        self.mayBeBehind = mayBeBehind
    }
}

/// Letters for one partition, oldest first in each stream.
package struct MailBag: Equatable, Sendable {
    package let destination: PartitionID
    package let letters: [Letter]

    package init(destination: PartitionID, letters: [Letter]) {
        self.destination = destination
        self.letters = letters
    }
}

/// How far a destination has taken the streams that a bag belonged to; none where it could not take mail.
package struct MailReport: Equatable, Sendable {
    package let destination: PartitionID
    package let receipts: [MailReceipt]

    package init(destination: PartitionID, receipts: [MailReceipt]) {
        self.destination = destination
        self.receipts = receipts
    }
}

/// What a node answers.
package enum NodeReply: Equatable, Sendable {
    case executed(Result<Answer, Refusal>)
    case queried([Result<Answer, Refusal>])
    case delivered([MailReport])
    /// The node does not serve the partition, at the version of the map that it knows: ask for a newer one.
    case notPrimary(PartitionID, mapVersion: UInt64)
    case taken
    case beacon(BeaconReply)
    /// A beacon that promises nothing: it was late, for another node, or this one does not do well.
    case noPromise
    /// Nil where the replica cannot tell.
    case checksum(UInt64?)
    /// What the coordinator has answered.
    case relayed(CoordinatorReply)
    case recollected(MapRecollection.Memory)
}

extension NodeRequest: BinaryCodable {
    package func encode(into writer: inout BinaryWriter) {
        switch self {
        case .execute(let partition, let command):
            writer.write(UInt8(1))
            writer.write(partition)
            writer.write(command)
        case .query(let parts):
            writer.write(UInt8(2))
            writer.writeArray(parts) { writer, part in
                writer.write(part.partition)
                writer.write(part.mayBeBehind)
                writer.write(part.query)
            }
        case .deliver(let bags):
            writer.write(UInt8(3))
            writer.writeArray(bags) { writer, bag in
                writer.write(bag.destination)
                writer.writeArray(bag.letters) { $0.write($1) }
            }
        case .replicate(let mail):
            writer.write(UInt8(4))
            writer.writeFixed(mail.sender.rawValue)
            writer.writeFixed(mail.recipient.rawValue)
            writer.writeArray(mail.messages) { writer, one in
                writer.write(one.partition)
                writer.write(one.message)
            }
        case .beacon(let beacon):
            writer.write(UInt8(5))
            writer.writeFixed(beacon.sender.rawValue)
            writer.writeFixed(beacon.recipient.rawValue)
            writer.write(beacon.beacon)
        case .snapshot(let page):
            writer.write(UInt8(7))
            writer.write(page)
        case .checksum(let partition, let index):
            writer.write(UInt8(9))
            writer.write(partition)
            writer.writeVariable(index)
        case .exclude(let partition, let node):
            writer.write(UInt8(8))
            writer.write(partition)
            writer.writeFixed(node.rawValue)
        case .transfer(let partition, let node):
            writer.write(UInt8(6))
            writer.write(partition)
            writer.writeFixed(node.rawValue)
        case .relay(let request):
            writer.write(UInt8(10))
            writer.write(request)
        case .recollect:
            writer.write(UInt8(11))
        }
    }

    package init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        switch try reader.readByte() {
        case 1: self = .execute(try reader.readPartition(), try reader.read())
        case 2:
            self = .query(
                try reader.readArray(elementSize: 5) { reader throws(BinaryDecodingError) in
                    let partition = try reader.readPartition()
                    let mayBeBehind = try reader.readBool()
                    return PartitionQuery(partition: partition, query: try reader.read(), mayBeBehind: mayBeBehind)
                }
            )
        case 3:
            self = .deliver(
                try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in
                    MailBag(
                        destination: try reader.readPartition(),
                        letters: try reader.readArray(elementSize: Letter.leastSize) {
                            reader throws(BinaryDecodingError) in
                            try reader.read()
                        }
                    )
                }
            )
        case 4:
            self = .replicate(
                ReplicaMail(
                    sender: NodeID(try reader.readFixed()),
                    recipient: NodeID(try reader.readFixed()),
                    messages: try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in
                        PartitionMessage(partition: try reader.readPartition(), message: try reader.read())
                    }
                )
            )
        case 5:
            self = .beacon(
                NodeBeacon(
                    sender: NodeID(try reader.readFixed()),
                    recipient: NodeID(try reader.readFixed()),
                    beacon: try reader.read()
                )
            )
        case 6: self = .transfer(try reader.readPartition(), to: NodeID(try reader.readFixed()))
        case 7: self = .snapshot(try reader.read())
        case 9: self = .checksum(try reader.readPartition(), index: try reader.readOrdinal())
        case 8: self = .exclude(try reader.readPartition(), NodeID(try reader.readFixed()))
        case 10: self = .relay(try reader.read())
        case 11: self = .recollect
        case let other: throw .invalid("node request \(other)")
        }
    }
}

extension SnapshotPage: BinaryCodable {
    package func encode(into writer: inout BinaryWriter) {
        writer.writeFixed(sender.rawValue)
        writer.writeFixed(recipient.rawValue)
        writer.write(partition)
        writer.writeVariable(epoch)
        writer.writeFixed(stream)
        writer.writeVariable(number)
        writer.writeVariable(index)
        writer.writeVariable(indexEpoch)
        writer.writeArray(records) { $0.write($1) }
        writer.writeFixed(digest)
    }

    package init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        sender = NodeID(try reader.readFixed())
        recipient = NodeID(try reader.readFixed())
        partition = try reader.readPartition()
        epoch = try reader.readOrdinal()
        stream = try reader.readFixed()
        number = try reader.readOrdinal()
        index = try reader.readOrdinal()
        indexEpoch = try reader.readOrdinal()
        records = try reader.readArray(elementSize: StoredRecord.leastSize) { reader throws(BinaryDecodingError) in
            try reader.read()
        }
        digest = try reader.readFixed()
    }
}

extension NodeReply: BinaryCodable {
    package func encode(into writer: inout BinaryWriter) {
        switch self {
        case .executed(let result):
            writer.write(UInt8(1))
            writer.write(result)
        case .queried(let results):
            writer.write(UInt8(2))
            writer.writeArray(results) { $0.write($1) }
        case .delivered(let reports):
            writer.write(UInt8(3))
            writer.writeArray(reports) { writer, report in
                writer.write(report.destination)
                writer.writeArray(report.receipts) { $0.write($1) }
            }
        case .notPrimary(let partition, let version):
            writer.write(UInt8(4))
            writer.write(partition)
            writer.writeVariable(version)
        case .taken: writer.write(UInt8(5))
        case .beacon(let reply):
            writer.write(UInt8(6))
            writer.write(reply)
        case .noPromise: writer.write(UInt8(7))
        case .checksum(let checksum):
            writer.write(UInt8(8))
            writer.writeOptional(checksum) { $0.writeFixed($1) }
        case .relayed(let reply):
            writer.write(UInt8(9))
            writer.write(reply)
        case .recollected(let memory):
            writer.write(UInt8(10))
            writer.write(memory)
        }
    }

    package init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        switch try reader.readByte() {
        case 1: self = .executed(try reader.readResult())
        case 2:
            self = .queried(
                try reader.readArray { reader throws(BinaryDecodingError) in try reader.readResult() }
            )
        case 3:
            self = .delivered(
                try reader.readArray(elementSize: 3) { reader throws(BinaryDecodingError) in
                    MailReport(
                        destination: try reader.readPartition(),
                        receipts: try reader.readArray(elementSize: MailReceipt.leastSize) {
                            reader throws(BinaryDecodingError) in
                            try reader.read()
                        }
                    )
                }
            )
        case 4: self = .notPrimary(try reader.readPartition(), mapVersion: try reader.readVariable())
        case 5: self = .taken
        case 6: self = .beacon(try reader.read())
        case 7: self = .noPromise
        case 8:
            self = .checksum(try reader.readOptional { reader throws(BinaryDecodingError) in try reader.readFixed() })
        case 9: self = .relayed(try reader.read())
        case 10: self = .recollected(try reader.read())
        case let other: throw .invalid("node reply \(other)")
        }
    }
}

extension BinaryWriter {
    fileprivate mutating func write(_ result: Result<Answer, Refusal>) {
        switch result {
        case .success(let answer):
            write(UInt8(0))
            write(answer)
        case .failure(let refusal):
            write(UInt8(1))
            write(refusal)
        }
    }
}

extension BinaryReader {
    fileprivate mutating func readResult() throws(BinaryDecodingError) -> Result<Answer, Refusal> {
        switch try readByte() {
        case 0: .success(try read())
        case 1: .failure(try read())
        case let other: throw .invalid("result \(other)")
        }
    }
}
