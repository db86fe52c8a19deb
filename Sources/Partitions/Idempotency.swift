package import Model

/// Results of commands that carried a `KEY`, remembered for a day of log time.
extension Partition {
    /// Expired results forgotten with each command that carries a key: more than one, so that they go faster than
    /// they come.
    private static let forgottenPerCommand = 4

    /// What a command under a key came to the first time, as of the applied entries; nil where it is new.
    package func rememberedOutcome(of command: Command) throws(PartitionFailure) -> Outcome? {
        guard let key = command.key, let actor = command.actor else { return nil }
        return try rememberedOutcome(of: command, key: key, actor: actor)
    }

    func rememberedOutcome(
        of command: Command,
        key: IdempotencyKey,
        actor: Actor
    ) throws(PartitionFailure) -> Outcome? {
        guard let record: IdempotencyRecord = try transaction.record(keys.of(.idempotency, actor.bytes + key.bytes))
        else { return nil }
        guard record.digest == command.digest else {
            return .refused(.invalid("KEY was used with another command"))
        }
        switch record.result {
        case .done(let answer): return .done(answer)
        case .pending(let version): return .waiting([.name(version: version)], fallback: nil)
        }
    }

    /// Remembers what a command came to. Refusals are not remembered.
    func remember(_ outcome: Outcome, of command: Command, key: IdempotencyKey, actor: Actor) {
        let result: IdempotencyRecord.Result
        switch outcome {
        case .done(let answer): result = .done(answer)
        case .waiting(let settlements, _):
            guard let settlement = settlements.first, case .name(let version) = settlement,
                settledResult(of: settlement) == nil
            else { return }
            result = .pending(version: version)
        case .refused, .mailTaken, .applied: return
        }
        remember(result, digest: command.digest, key: key, actor: actor)
    }

    /// Replaces the pending result of a creation or rename; a refusal forgets it.
    func rememberSettled(_ result: Result<Answer, Refusal>, of pending: PendingKey?, actor: Actor) {
        guard let pending else { return }
        switch result {
        case .success(let answer): remember(.done(answer), digest: pending.digest, key: pending.key, actor: actor)
        case .failure: transaction.delete(keys.of(.idempotency, actor.bytes + pending.key.bytes))
        }
    }

    private func remember(_ result: IdempotencyRecord.Result, digest: UInt64, key: IdempotencyKey, actor: Actor) {
        let name = actor.bytes + key.bytes
        transaction.put(
            keys.of(.idempotency, name),
            IdempotencyRecord(digest: digest, time: current.time, result: result)
        )
        let time = keys.of(.idempotencyByTime, current.time) + name
        transaction.put(time, [])
        // One entry may remember several at one time: the store has those in the order of their keys.
        let position = rememberedTimes.lastIndex { !time.lexicographicallyPrecedes($0) }
        rememberedTimes.insert(time, at: position.map { $0 + 1 } ?? 0)
    }

    func forgetExpiredResults() throws(PartitionFailure) {
        guard current.time > settings.idempotencyMicroseconds else { return }
        let horizon = current.time - settings.idempotencyMicroseconds
        var expired: [[UInt8]] = []
        /// - Returns: whether the next one may be expired too.
        func take(_ key: [UInt8]) throws(PartitionFailure) -> Bool {
            guard try Keys.firstInteger(key) < horizon, expired.count < Partition.forgottenPerCommand else {
                return false
            }
            if !transaction.isDeleted(key), !expired.contains(key) { expired.append(key) }
            return true
        }
        try database.forEach(prefix: keys.of(.idempotencyByTime)) { key, _ throws(PartitionFailure) in try take(key) }
        // Later than all that the store has.
        for key in rememberedTimes {
            guard try take(key) else { break }
        }
        for key in expired {
            transaction.delete(key)
            let name = keys.of(.idempotency, key.dropFirst(11))
            if let record: IdempotencyRecord = try transaction.record(name), record.time < horizon {
                transaction.delete(name)
            }
        }
    }
}

extension Command {
    /// Tells commands under one key apart, as they were sent: what the primary has filled in does not count.
    var digest: UInt64 {
        guard case .postTweet(var post) = self else { return StableHash.hash(encoded()) }
        post.replyToAuthor = nil
        return StableHash.hash(Command.postTweet(post).encoded())
    }
}

extension Actor {
    /// Distinct for distinct actors, whatever follows.
    fileprivate var bytes: [UInt8] {
        switch self {
        case .user(let user): [0] + user.rawValue.bytes
        case .name(let name): [1] + Array(name.utf8) + [0]
        }
    }
}

extension UInt64 {
    var bytes: [UInt8] { withUnsafeBytes(of: bigEndian) { Array($0) } }
}
