internal import Model

/// What the two sides of a connection tell each other before anything else.
package struct Handshake: Equatable, Sendable {
    /// The version of the protocol; both sides must speak the same one.
    package static let version: UInt16 = 13
    static let magic: UInt32 = 0x4b4f_4f52  // "ROOK"

    /// Shared by all processes of a cluster. Sent in the clear: the cluster's network is to be trusted.
    package let secret: String
    /// Who speaks, for logs: node1, router.
    package let name: String

    package init(secret: String, name: String) {
        self.secret = secret
        self.name = name
    }

    package func payload() -> [UInt8] {
        var writer = BinaryWriter()
        writer.writeFixed(Handshake.magic)
        writer.writeFixed(Handshake.version)
        writer.write(secret)
        writer.write(name)
        return writer.bytes
    }

    /// Checks what the other side said.
    ///
    /// - Returns: the other side's name.
    package static func check(_ payload: [UInt8], secret: String) throws(FrameError) -> String {
        var reader = BinaryReader(payload)
        guard let magic = try? reader.readFixed(UInt32.self), magic == Handshake.magic,
            let version = try? reader.readFixed(UInt16.self)
        else { throw .handshake("not a process of ours") }
        guard version == Handshake.version else {
            throw .handshake("protocol version \(version), ours is \(Handshake.version)")
        }
        guard let theirs = try? reader.readString(), let name = try? reader.readString() else {
            throw .handshake("truncated")
        }
        guard isEqual(Array(theirs.utf8), Array(secret.utf8)) else { throw .handshake("wrong cluster secret") }
        return name
    }

    /// In time that does not depend on where the two differ.
    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
