public import Model

/// A node's identity: random, written when its data directory is created. A node that lost its data comes back as a
/// stranger.
@frozen
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    public static func < (left: NodeID, right: NodeID) -> Bool { left.rawValue < right.rawValue }

    public var description: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// A node as placement sees it.
public struct Member: Hashable, Sendable {
    public let id: NodeID
    /// For people: node1, node2.
    public let name: String
    public let host: String
    public let port: Int
    /// Where other nodes send beacons.
    public let beaconPort: Int
    /// Replicas of one partition go to different zones where there are enough; empty means no zone.
    public let zone: String
    /// The share of the partitions that it takes, relative to others; 1 to 1000.
    public let weight: Int

    public init(
        id: NodeID,
        name: String,
        host: String,
        port: Int,
        beaconPort: Int,
        zone: String = "",
        weight: Int = 100
    ) {
        self.id = id
        self.name = name
        self.host = host
        self.port = port
        self.beaconPort = beaconPort
        self.zone = zone
        self.weight = weight
    }
}

extension Member: BinaryCodable {
    public func encode(into writer: inout BinaryWriter) {
        writer.writeFixed(id.rawValue)
        writer.write(name)
        writer.write(host)
        writer.writeCount(port)
        writer.writeCount(beaconPort)
        writer.write(zone)
        writer.writeCount(weight)
    }

    public init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        let id = NodeID(try reader.readFixed())
        let name = try reader.readString()
        let host = try reader.readString()
        let port = try reader.readVariable()
        let beaconPort = try reader.readVariable()
        let zone = try reader.readString()
        let weight = try reader.readVariable()
        for one in [port, beaconPort] {
            guard (1...65_535).contains(one) else { throw .invalid("port \(one)") }
        }
        guard (1...1_000).contains(weight) else { throw .invalid("weight \(weight)") }
        self.init(
            id: id,
            name: name,
            host: host,
            port: Int(port),
            beaconPort: Int(beaconPort),
            zone: zone,
            weight: Int(weight)
        )
    }
}
