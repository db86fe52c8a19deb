import Placement
import Simulator
import TestSupport
import Testing

/// What befalls replicas, each fault by itself in whole simulated clusters: nothing acknowledged is lost, nobody reads
/// what is out of date, and everything is as before in the end; where a time is promised, the partition serves again in it.
@Suite struct FailureTable {
    private static let seconds: UInt64 = 1_000_000
    private static let seeds: Range<UInt64> = 1..<26
    /// What is left of them where the machine is slow.
    private static let fewSeeds: Range<UInt64> = 1..<6
    private static let budget = SuiteBudget()

    /// - Parameters:
    ///   - expected: what must have befallen the replicas in every run.
    ///   - occurrence: what must have happened in most of them.
    ///   - unwanted: what must have happened in none.
    ///   - longestSilence: the most that the partition may answer nobody, in microseconds.
    ///   - longestWithoutWrite: the most that it may acknowledge no write.
    private func check(
        _ expected: Harm...,
        occurrence: Occurrence? = nil,
        never unwanted: Occurrence? = nil,
        longestSilence: UInt64 = .max,
        longestWithoutWrite: UInt64 = .max,
        _ harm: @escaping @Sendable (Simulation) -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isLate = Self.budget.isSpent
        if isLate { print("a row of the failure table has \(Self.fewSeeds.count) seeds only: the machine is slow") }
        let results = Simulation.run(seeds: isLate ? Self.fewSeeds : Self.seeds) { seed in
            Simulation(seed: seed, replicationFactor: 3, mayDrift: false).run(harm: harm)
        }
        if let occurrence {
            let runs = results.count { $0.coverage.count(of: occurrence) > 0 }
            #expect(runs > results.count / 2, "\(occurrence) in \(runs) runs", sourceLocation: sourceLocation)
        }
        for result in results {
            let seed = result.seed
            if let violation = result.violation {
                Issue.record("seed \(seed): \(violation)", sourceLocation: sourceLocation)
            }
            for harm in expected {
                #expect(result.coverage.count(of: harm) > 0, "seed \(seed): no \(harm)", sourceLocation: sourceLocation)
            }
            if let unwanted {
                let times = result.coverage.count(of: unwanted)
                #expect(times == 0, "seed \(seed): \(unwanted)", sourceLocation: sourceLocation)
            }
            #expect(result.acknowledgedWrites > 100, "seed \(seed)", sourceLocation: sourceLocation)
            #expect(result.longestSilence <= longestSilence, "seed \(seed)", sourceLocation: sourceLocation)
            #expect(result.longestWithoutWrite <= longestWithoutWrite, "seed \(seed)", sourceLocation: sourceLocation)
        }
    }

    /// Grace, a beacon's interval, some round trips, and a client's patience with the dead.
    private static let failover: UInt64 = 2_900_000

    @Test func primaryKilled() {
        check(.crash, longestSilence: Self.failover) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.crash.befall(simulation.firstPrimary, for: 2 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func primaryKilledAndBackAtOnce() {
        // It goes on itself where its log shows that it has served, and waits for nobody's leases.
        let longest = 2 * Self.seconds
        check(.crash, longestSilence: longest, longestWithoutWrite: longest) { simulation in
            simulation.repeating(every: 4 * Self.seconds) { simulation in
                let time = 100_000 + simulation.seed * 50_000 % 1_200_000
                Harm.crash.befall(simulation.firstPrimary, for: time, in: simulation)
            }
        }
    }

    @Test func primaryIsolatedButAlive() {
        check(.isolation, longestSilence: Self.failover) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.isolation.befall(simulation.firstPrimary, for: 3 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func secondaryKilled() {
        // It is left out, and taken in again when it has what it missed.
        check(
            .crash,
            occurrence: .admissionProposed,
            longestSilence: Self.failover,
            longestWithoutWrite: Self.failover
        ) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.crash.befall(simulation.firstSecondary, for: 2 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func secondarySlow() {
        // It is left out where it is too slow, and until then writes wait for it.
        check(
            .pause,
            .slowDisk,
            occurrence: .admissionProposed,
            longestSilence: Self.failover,
            longestWithoutWrite: 2 * Self.seconds + Self.failover
        ) { simulation in
            simulation.repeating(every: 5 * Self.seconds) { simulation in
                Harm.pause.befall(simulation.firstSecondary, for: 2 * Self.seconds, in: simulation)
                Harm.slowDisk.befall(simulation.firstSecondary, for: 2 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func oneWayLink() {
        // At worst nobody can be replaced until the link is whole again.
        check(.cutOneWay, longestSilence: 3 * Self.seconds + Self.failover) { simulation in
            simulation.repeating(every: 4 * Self.seconds) { simulation in
                Harm.cutOneWay.befall(simulation.firstPrimary, for: 3 * Self.seconds, in: simulation)
                Harm.cutOneWay.befall(simulation.firstSecondary, for: 3 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func flappingLink() {
        check(.flap, longestSilence: 4 * Self.seconds + Self.failover) { simulation in
            simulation.repeating(every: 5 * Self.seconds) { simulation in
                Harm.flap.befall(simulation.firstPrimary, for: 4 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func processPausedPastTheLease() {
        check(.pause, longestSilence: Self.failover) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.pause.befall(simulation.firstPrimary, for: 3 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func lastRecordTorn() {
        // All lose what they were writing; what was acknowledged each of them has.
        check(.slowDisk, .crashOfAll, occurrence: .tornRecord) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                for node in [simulation.firstPrimary, simulation.firstSecondary] {
                    Harm.slowDisk.befall(node, for: 200_000, in: simulation)
                }
                simulation.schedule(after: 100_000) { [unowned simulation] in
                    Harm.crashOfAll.befall(simulation.firstPrimary, for: Self.seconds, in: simulation)
                }
            }
        }
    }

    @Test func allReplicasKilledAtOnce() {
        check(.crashOfAll) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.crashOfAll.befall(simulation.firstPrimary, for: Self.seconds, in: simulation)
            }
        }
    }

    @Test func failingSync() {
        // Its partitions are handed over: it acknowledges nothing more, and nobody but others can.
        check(.failedSync, occurrence: .failedLog, longestWithoutWrite: Self.failover) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.failedSync.befall(simulation.firstPrimary, for: 3 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func clocksStep() {
        // Ids go on increasing where a successor's clock is hours behind; no lease is read from such a clock.
        check(.clockStep, .crash, occurrence: .idAheadOfTheClock, longestSilence: Self.failover) { simulation in
            simulation.repeating(every: 2 * Self.seconds) { simulation in
                Harm.clockStep.befall(simulation.firstPrimary, for: 0, in: simulation)
                Harm.clockStep.befall(simulation.firstSecondary, for: 0, in: simulation)
            }
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.crash.befall(simulation.firstPrimary, for: 2 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func primarysDiskFull() {
        // Its reads go on meanwhile; its place is handed over as when a node is told to end.
        check(.fullDisk, longestSilence: 700_000, longestWithoutWrite: Self.seconds) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.fullDisk.befall(simulation.firstPrimary, for: 3 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func primarysDiskHangs() {
        // Until it is seen that others' disks answer, and the log's patience; and then as if it had failed.
        check(.slowDisk, occurrence: .hungDiskGivenUp, longestWithoutWrite: 5 * Self.seconds / 2 + Self.failover) {
            simulation in
            simulation.repeating(every: 8 * Self.seconds) { simulation in
                Harm.slowDisk.befall(simulation.firstPrimary, for: 6 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func disksOfAllHang() {
        // Nobody is a better place, so nobody gives its log up: all go on when their disks do.
        let time = 6 * Self.seconds
        check(.slowDisks, never: .hungDiskGivenUp, longestWithoutWrite: time + Self.failover) { simulation in
            simulation.repeating(every: 10 * Self.seconds) { simulation in
                Harm.slowDisks.befall(simulation.firstPrimary, for: time, in: simulation)
            }
        }
    }

    @Test func dataDirectoryLost() {
        check(.lostData, occurrence: .admissionProposed, longestWithoutWrite: Self.failover) { simulation in
            Harm.lostData.befall(simulation.firstPrimary, for: Self.seconds, in: simulation)
        }
    }

    @Test func logDamaged() {
        check(.damagedLog, occurrence: .admissionProposed, longestWithoutWrite: Self.failover) { simulation in
            Harm.damagedLog.befall(simulation.firstPrimary, for: Self.seconds, in: simulation)
        }
    }

    @Test func partOfTheLogDamaged() {
        // The node stays who it is, and begins anew with what is damaged.
        check(.damagedPart, occurrence: .lossForgotten, longestWithoutWrite: Self.failover) { simulation in
            Harm.damagedPart.befall(simulation.firstPrimary, for: Self.seconds, in: simulation)
        }
    }

    @Test func bitFlippedInTheLog() {
        // Nobody is sent a record that is not what was written, and who starts with one begins anew.
        check(.flippedBit, .crash, occurrence: .unreadLog) { simulation in
            let primary = simulation.firstPrimary
            Harm.flippedBit.befall(primary, for: 8 * Self.seconds, in: simulation)
            // Entries that memory does not have any more have to be read back when it returns.
            Harm.crash.befall(simulation.firstSecondary, for: 2 * Self.seconds, in: simulation)
            simulation.schedule(after: 8 * Self.seconds) { [unowned simulation] in
                Harm.crash.befall(primary, for: Self.seconds, in: simulation)
            }
        }
    }

    @Test func logUnreadableForAWhile() {
        check(.unreadableLog, .crash, occurrence: .unreadLog, longestSilence: Self.failover) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.unreadableLog.befall(simulation.firstPrimary, for: 4 * Self.seconds, in: simulation)
                Harm.crash.befall(simulation.firstSecondary, for: 2 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func primaryCutOffFromTheCoordinatorOnly() {
        // It asks through others who is to be left out.
        check(.unreachableCoordinator, .crash, longestWithoutWrite: Self.failover) { simulation in
            simulation.repeating(every: 6 * Self.seconds) { simulation in
                Harm.unreachableCoordinator.befall(simulation.firstPrimary, for: 5 * Self.seconds, in: simulation)
                Harm.crash.befall(simulation.firstSecondary, for: 3 * Self.seconds, in: simulation)
            }
        }
    }

    @Test func majorityLostAndForced() {
        // Whoever is left has all that was acknowledged.
        let pause = 3 * Self.seconds
        check(longestWithoutWrite: pause + Self.failover) { simulation in
            simulation.loseMajorityForGood(forcingAfter: pause)
        }
    }

    @Test func coordinatorDown() {
        // Nothing notices: not one answer is late.
        check(.coordinatorDown, longestSilence: 700_000) { simulation in
            Harm.coordinatorDown.befall(simulation.firstPrimary, for: 10 * Self.seconds, in: simulation)
        }
    }

    @Test func plannedTransfers() {
        check(.transfer, longestSilence: 700_000) { simulation in
            simulation.repeating(every: Self.seconds) { simulation in
                Harm.transfer.befall(simulation.firstPrimary, for: 0, in: simulation)
            }
        }
    }
}
