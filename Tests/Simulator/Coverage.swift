internal import Placement
internal import Replication

/// What can happen in the protocol.
package enum Occurrence: String, CaseIterable, Sendable {
    case entriesSent, signOfLife, acknowledged, mismatch, stale, resigned, leaving, lossTold, lossForgotten
    case persisted, truncated, committed, deposed
    case renewalProposed, claimProposed, removalProposed, admissionProposed, transferProposed
    case claimWithTheAbsentPrimary, epochBegunForSomebodyElse, surplusLeftOut, withdrawnLearnerDecided, primaryBehind
    case proposalGranted, proposalTooLate, epochBegun
    case logRead, snapshotSent, snapshotInstalled, discarded
    case readRefusedAfterwards, writeOfUnknownOutcome, failedLog, unansweredAdmission, hiddenAdmission,
        forgottenAdmission, lateClaim,
        readElsewhere
    case mapRelayed
    case sessionOpened, sessionLearnt, leaseGiven, leaseRefused, beaconTooLate, leaseOver, promisesAwaited,
        servedInSpiteOfPromises
    case learnerNamed, learnerWithdrawn
    case letterTaken, letterRepeated, letterTooEarly, mailTrimmed, lettersNotTaken, lateReceipt
    case wantsToLeave, wantsToStay, hungDiskGivenUp, appendRefused, unreadLog, stoppedByItsLog, tornRecord,
        learnerNamedAgain, farDrift, idAheadOfTheClock, replicaMoved
}

/// How often everything that can happen has happened: what never happens is not tested.
package struct Coverage: Sendable {
    private var occurrences: [Occurrence: Int] = [:]
    private var harms: [Harm: Int] = [:]

    package init() {}

    package mutating func note(_ occurrence: Occurrence) {
        occurrences[occurrence, default: 0] += 1
    }

    mutating func noteHarm(_ harm: Harm) {
        harms[harm, default: 0] += 1
    }

    mutating func noteMessage(_ message: ReplicaMessage) {
        switch message {
        case .append(let append): note(append.entries.isEmpty ? .signOfLife : .entriesSent)
        case .acknowledge: note(.acknowledged)
        case .mismatch: note(.mismatch)
        case .stale: note(.stale)
        case .resigned: note(.resigned)
        case .leaving: note(.leaving)
        case .lost: note(.lossTold)
        }
    }

    mutating func noteAnswer(_ reply: BeaconReply?, to beacon: Beacon) {
        guard let reply else { return note(.beaconTooLate) }
        guard reply.session == beacon.session else { return note(.sessionOpened) }
        if !reply.covers.isEmpty { note(.leaseGiven) }
        if reply.covers.count < beacon.wants.count { note(.leaseRefused) }
    }

    mutating func noteMail(_ effects: SimulatedMachine.Effects) {
        if !effects.arrived.isEmpty { note(.letterTaken) }
        if effects.repeated > 0 { note(.letterRepeated) }
        if effects.early > 0 { note(.letterTooEarly) }
        if effects.isTrimmed { note(.mailTrimmed) }
    }

    mutating func noteEffect(_ effect: ReplicaState.Effect) {
        switch effect {
        case .persist: note(.persisted)
        case .commit: note(.committed)
        case .claim(let next, let primary):
            note(next.replicas.contains(primary) ? .claimWithTheAbsentPrimary : .claimProposed)
        case .readEntries: note(.logRead)
        case .sendSnapshot: note(.snapshotSent)
        case .deposed: note(.deposed)
        case .forgetLoss: note(.lossForgotten)
        case .send, .propose, .learn, .askForMap, .stop, .discard, .noteLoss: break
        }
    }

    /// - Parameter isFull: whether the members that are left are as many as a partition is to have.
    mutating func noteProposal(_ reason: Proposal.Reason, by replica: ReplicaState?, isFull: Bool) {
        switch reason {
        case .renewal where replica?.isPrimary == true: note(.epochBegunForSomebodyElse)
        case .removal where isFull: note(.surplusLeftOut)
        case .renewal: note(.renewalProposed)
        case .claim: note(.claimProposed)
        case .removal: note(.removalProposed)
        case .admission: note(.admissionProposed)
        case .transfer: note(.transferProposed)
        }
    }

    package mutating func add(_ other: Coverage) {
        occurrences.merge(other.occurrences) { $0 + $1 }
        harms.merge(other.harms) { $0 + $1 }
    }

    package var faults: Int { harms.values.reduce(0, +) }

    /// So many seeds leave nothing out.
    package static let seeds: UInt64 = 700

    package func count(of harm: Harm) -> Int { harms[harm] ?? 0 }

    package func count(of occurrence: Occurrence) -> Int { occurrences[occurrence] ?? 0 }

    /// What has never happened, by name.
    package var missing: [String] {
        Occurrence.allCases.filter { occurrences[$0] == nil }.map(\.rawValue)
            + Harm.allCases.filter { harms[$0] == nil }.map { "\($0)" }
    }

    /// One line each.
    package var table: String {
        let lines =
            Occurrence.allCases.map { "\($0.rawValue): \(occurrences[$0] ?? 0)" }
            + Harm.allCases.map { "fault \($0): \(harms[$0] ?? 0)" }
        return lines.joined(separator: "\n")
    }
}
