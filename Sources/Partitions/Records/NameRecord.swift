internal import Model

/// A username, in the name's partition: reserved while a creation is under way, then owned.
struct NameRecord: Equatable {
    var reservation: NameReservation
    /// The creation that holds the name until the user's partition has answered; nil once the name is owned.
    var creation: PendingCreation?
}

/// What a creation needs to go on when the user's partition answers.
struct PendingCreation: Equatable {
    let createdAt: Milliseconds
    /// Whether the caller asked for this id; a minted one that is taken is minted anew.
    let isIDRequested: Bool
    let key: PendingKey?
}

extension NameRecord: BinaryCodable {
    func encode(into writer: inout BinaryWriter) {
        writer.write(reservation)
        writer.writeOptional(creation) { writer, creation in
            writer.writeVariable(creation.createdAt)
            writer.write(creation.isIDRequested)
            writer.writeOptional(creation.key) { $0.write($1) }
        }
    }

    init(from reader: inout BinaryReader) throws(BinaryDecodingError) {
        reservation = try reader.read()
        creation = try reader.readOptional { reader throws(BinaryDecodingError) in
            PendingCreation(
                createdAt: try reader.readVariable(),
                isIDRequested: try reader.readBool(),
                key: try reader.readOptional { reader throws(BinaryDecodingError) in try reader.read() }
            )
        }
    }
}
