internal import Model
internal import Placement

/// A log that takes nothing more, for a while at least.
struct Stall {
    /// The last entry that it has taken.
    let durable: LogIndex
    let since: MonotonicTime
    /// The entry that was appended to see whether others take it.
    var probe: LogIndex?
}

/// A disk that does not answer: whether it is this primary's alone, or the disks of all.
extension ReplicaState {
    /// Whether enough others hold durably what was appended when this primary's log had taken nothing for a while.
    package var isLogBehindOthers: Bool {
        guard case .primary(let leadership) = role, let probe = leadership.stall?.probe else { return false }
        let ahead = configuration.secondaries.count { (leadership.followers[$0]?.matched ?? 0) >= probe }
        return ahead >= settings.minimumReplicas
    }

    /// What others acknowledge later may have been durable before all disks hung: only a newer entry can tell.
    mutating func watchLog(now: MonotonicTime) {
        guard case .primary(var leadership) = role else { return }
        // What an epoch has behind its beginning shows that its primary could serve.
        guard log.durable < log.last, committed >= leadership.beginning, now >= leadership.serveFrom else {
            leadership.stall = nil
            role = .primary(leadership)
            return
        }
        var stall = leadership.stall ?? Stall(durable: log.durable, since: now)
        if stall.durable != log.durable { stall = Stall(durable: log.durable, since: now) }
        let isDue = stall.probe == nil && now >= stall.since + settings.times.acknowledgement
        if isDue { stall.probe = log.last + 1 }
        leadership.stall = stall
        role = .primary(leadership)
        if isDue { append([[]], now: now) }
    }
}
