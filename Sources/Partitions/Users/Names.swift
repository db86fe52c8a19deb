internal import Model

/// Usernames in the partition that owns them: who has a name, and creations under way.
extension Partition {
    func createUser(_ command: CreateUser) throws(PartitionFailure) -> Outcome {
        let key = keys.of(.name, command.username.folded.utf8)
        if let taken: NameRecord = try transaction.record(key) {
            return taken.creation == nil
                ? .refused(.exists("username \(command.username) is taken"))
                : .refused(.unavailable("username \(command.username) is being created"))
        }
        let reservation = NameReservation(
            username: command.username,
            user: command.requestedID ?? UserID(current.mintedID),
            displayName: command.displayName ?? command.username.text,
            bio: command.bio,
            version: current.index
        )
        let creation = PendingCreation(
            createdAt: min(command.createdAt ?? .max, current.time / 1000),
            isIDRequested: command.requestedID != nil,
            key: PendingKey(of: .createUser(command))
        )
        transaction.put(key, NameRecord(reservation: reservation, creation: creation))
        try send(
            .createUser(reservation, createdAt: creation.createdAt),
            to: [layout.partition(of: reservation.user)]
        )
        return .waiting([.name(version: current.index)], fallback: nil)
    }

    /// Mail: the user's partition has created the user, or has that id already.
    func finishCreation(_ reservation: NameReservation, accepted: Bool) throws(PartitionFailure) {
        let key = keys.of(.name, reservation.username.folded.utf8)
        guard let record: NameRecord = try transaction.record(key), let creation = record.creation,
            record.reservation == reservation
        else { return }
        let result: Result<Answer, Refusal>
        if accepted {
            transaction.put(key, NameRecord(reservation: reservation.withoutProfile, creation: nil))
            result = .success(.users([reservation.newUser(createdAt: creation.createdAt)]))
        } else if creation.isIDRequested {
            transaction.delete(key)
            result = .failure(.exists("user \(reservation.user) is taken"))
        } else {
            return try mintAnew(record, creation, key: key)
        }
        rememberSettled(result, of: creation.key, actor: .name(reservation.username.folded))
        settle(.name(version: reservation.version), result)
    }

    /// A minted id was somebody's: callers may choose any id, minted-looking ones too.
    private func mintAnew(
        _ record: NameRecord,
        _ creation: PendingCreation,
        key: [UInt8]
    ) throws(PartitionFailure) {
        let old = record.reservation
        let reservation = NameReservation(
            username: old.username,
            user: UserID(mintWhileApplying()),
            displayName: old.displayName,
            bio: old.bio,
            version: old.version
        )
        transaction.put(key, NameRecord(reservation: reservation, creation: creation))
        try send(
            .createUser(reservation, createdAt: creation.createdAt),
            to: [layout.partition(of: reservation.user)]
        )
    }

    /// Mail: reserves a name for a user who exists, or says that it is taken.
    func reserveName(_ reservation: NameReservation, from source: PartitionID) throws(PartitionFailure) {
        let key = keys.of(.name, reservation.username.folded.utf8)
        let isFree = try !transaction.contains(key)
        if isFree {
            transaction.put(key, NameRecord(reservation: reservation.withoutProfile, creation: nil))
        }
        try send(.nameReserved(reservation, accepted: isFree), to: [source])
    }

    /// Mail: frees a name, unless somebody else or a later reservation has it.
    func freeName(folded: String, owner: UserID, version: LogIndex) throws(PartitionFailure) {
        let key = keys.of(.name, folded.utf8)
        guard let record: NameRecord = try transaction.record(key), record.reservation.user == owner,
            record.reservation.version == version
        else { return }
        transaction.delete(key)
    }

    /// The owner of a folded name; nil while a creation is under way.
    func user(named name: String) throws(PartitionFailure) -> UserID? {
        guard let record: NameRecord = try database.record(keys.of(.name, name.utf8)), record.creation == nil else {
            return nil
        }
        return record.reservation.user
    }

    /// Whether another creation of the name has to wait for one under way.
    package func isNameBeingCreated(_ folded: String) throws(PartitionFailure) -> Bool {
        let record: NameRecord? = try database.record(keys.of(.name, folded.utf8))
        return record?.creation != nil
    }
}

extension NameReservation {
    /// What is kept of it beside the name: the profile is the user's, and changes.
    fileprivate var withoutProfile: NameReservation {
        NameReservation(username: username, user: user, displayName: "", bio: "", version: version)
    }

    /// The user as they are just after their creation.
    fileprivate func newUser(createdAt: Milliseconds) -> User {
        User(
            id: user,
            username: username.text,
            displayName: displayName,
            bio: bio,
            createdAt: createdAt,
            followers: 0,
            following: 0,
            tweets: 0
        )
    }
}
