package import Model

/// What routers and nodes ask nodes.
package enum NodeRequest: Equatable, Sendable {
    /// Carry a command out. Answered when it is durable and applied.
    case execute(PartitionID, Command)
    /// Reads, of several partitions of the node at once. Answered in order, each with a result of its own.
    case query([PartitionQuery])
    /// Letters for partitions of the node. Answered when they are applied, with how far each stream was taken.
    case deliver([MailBag])
}

package struct PartitionQuery: Equatable, Sendable {
    package let partition: PartitionID
    package let query: Query

    package init(partition: PartitionID, query: Query) {
        self.partition = partition
        self.query = query
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
                writer.write(part.query)
            }
        case .deliver(let bags):
            writer.write(UInt8(3))
            writer.writeArray(bags) { writer, bag in
                writer.write(bag.destination)
                writer.writeArray(bag.letters) { $0.write($1) }
            }
        }
    }

    package init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        switch try reader.readByte() {
        case 1: self = .execute(try reader.readPartition(), try reader.read())
        case 2:
            self = .query(
                try reader.readArray(elementSize: 4) { reader throws(BinaryDecodingError) in
                    PartitionQuery(partition: try reader.readPartition(), query: try reader.read())
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
        case let other: throw .invalid("node request \(other)")
        }
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
