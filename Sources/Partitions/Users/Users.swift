internal import Model

/// Users in their own partition.
extension Partition {
    func user(_ id: UserID) throws(PartitionFailure) -> UserRecord? {
        guard let record = try userOrMark(id), !record.isDeleted else { return nil }
        return record
    }

    /// The user, or the mark that one has left.
    func userOrMark(_ id: UserID) throws(PartitionFailure) -> UserRecord? {
        // While an entry waits for space in the store, reads do not see it; the cache has it already.
        if !isWaitingForSpace, let cached = users[id] { return cached }
        let stored: UserRecord? = try transaction.record(keys.of(.user, id.rawValue))
        if !isWaitingForSpace { users[id] = stored }
        return stored
    }

    func put(_ record: UserRecord, of id: UserID) {
        transaction.put(keys.of(.user, id.rawValue), record)
        users[id] = record
    }

    /// Mail: creates a user whose name is reserved, or says that the id is taken.
    func createUser(
        _ reservation: NameReservation,
        createdAt: Milliseconds,
        from source: PartitionID
    ) throws(PartitionFailure) {
        let isFree = try userOrMark(reservation.user) == nil
        if isFree {
            put(
                UserRecord(
                    username: reservation.username,
                    nameVersion: reservation.version,
                    displayName: reservation.displayName,
                    bio: reservation.bio,
                    createdAt: createdAt
                ),
                of: reservation.user
            )
        }
        try send(.userCreated(reservation, accepted: isFree), to: [source])
    }

    func updateUser(_ command: UpdateUser) throws(PartitionFailure) -> Outcome {
        guard var record = try user(command.user) else { return .refused(.notFound(command.user)) }
        if let username = command.username, username.folded != record.username.folded {
            return try beginRename(of: record, to: username, by: command)
        }
        record.displayName = command.displayName ?? record.displayName
        record.bio = command.bio ?? record.bio
        record.username = command.username ?? record.username
        put(record, of: command.user)
        return .done(.users([record.view(command.user)]))
    }

    private func beginRename(
        of record: UserRecord,
        to username: Username,
        by command: UpdateUser
    ) throws(PartitionFailure) -> Outcome {
        guard record.pendingRename == nil else {
            return .refused(.unavailable("user \(command.user) is being renamed"))
        }
        var record = record
        record.pendingRename = PendingRename(
            username: username,
            displayName: command.displayName,
            bio: command.bio,
            version: current.index,
            key: PendingKey(of: .updateUser(command))
        )
        put(record, of: command.user)
        let reservation = NameReservation(
            username: username,
            user: command.user,
            displayName: "",
            bio: "",
            version: current.index
        )
        try send(.reserveName(reservation), to: [layout.partition(ofFoldedName: username.folded)])
        return .waiting([.name(version: current.index)], fallback: nil)
    }

    /// Mail: a name asked for a rename is the user's now, or is somebody else's.
    func finishRename(_ reservation: NameReservation, accepted: Bool) throws(PartitionFailure) {
        guard var record = try user(reservation.user), let rename = record.pendingRename,
            rename.version == reservation.version
        else {
            // The user was deleted meanwhile: nobody will own the name.
            if accepted { try releaseName(reservation.username, of: reservation.user, version: reservation.version) }
            return
        }
        let result: Result<Answer, Refusal>
        record.pendingRename = nil
        if accepted {
            try releaseName(record.username, of: reservation.user, version: record.nameVersion)
            record.username = rename.username
            record.nameVersion = rename.version
            record.displayName = rename.displayName ?? record.displayName
            record.bio = rename.bio ?? record.bio
            result = .success(.users([record.view(reservation.user)]))
        } else {
            result = .failure(.exists("username \(rename.username) is taken"))
        }
        put(record, of: reservation.user)
        rememberSettled(result, of: rename.key, actor: .user(reservation.user))
        settle(.name(version: rename.version), result)
    }

    func releaseName(_ name: Username, of user: UserID, version: LogIndex) throws(PartitionFailure) {
        try send(
            .releaseName(folded: name.folded, owner: user, version: version),
            to: [layout.partition(ofFoldedName: name.folded)]
        )
    }

    func views(of users: [UserID]) throws(PartitionFailure) -> [User?] {
        var views: [User?] = []
        views.reserveCapacity(users.count)
        for id in users {
            views.append(try user(id)?.view(id))
        }
        return views
    }
}
