internal import Mail
internal import Model
internal import Randomness

/// Three partitions' mail to each other, by the rules that nodes have, with letters and receipts late, lost, repeated and in any order,
/// carriers that forget what they knew, restarts from what is stored, and partitions that go on in a new epoch without
/// the end of their log: whatever nobody has lost arrives exactly once and in order.
package struct MailWorld {
    package struct Result: Sendable {
        /// What did not hold, if anything.
        package let violation: String?
        /// How often a carrier found that one side had lost letters.
        package let losses: Int
    }

    private typealias Carried = (destination: PartitionID, letter: Letter, floor: UInt64)
    private typealias Answer = (destination: PartitionID, receipt: MailReceipt, floor: UInt64)

    private static let partitions = (0..<3).map { PartitionID(UInt16($0)) }
    private static let steps = 2_000

    private let seed: UInt64
    private var random: SeededGenerator
    /// Whether partitions lose the end of their log.
    private let hasLosses: Bool
    /// Whether carriers know in the end what they knew before.
    private let remembersToTheEnd: Bool
    private var sides: [PartitionID: MailSide] = [:]
    /// What partitions come back to that lose what they did since.
    private var backups: [PartitionID: MailSide] = [:]
    private var streams = MailStreams()
    private var progress: [PartitionID: MailProgress] = [:]
    private var epochs: [PartitionID: UInt64] = [:]
    private var onTheWay: [Carried] = []
    private var answers: [Answer] = []
    private var lastValue: UInt64 = 0
    private var skipped = 0
    private var refused = 0
    private var losses = 0

    package static func run(seed: UInt64) -> Result {
        var world = MailWorld(seed: seed)
        for _ in 0..<steps {
            world.step()
        }
        world.settle()
        return Result(violation: world.verdict, losses: world.losses)
    }

    private init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        hasLosses = seed.isMultiple(of: 2)
        remembersToTheEnd = seed % 4 < 2
        for partition in MailWorld.partitions {
            sides[partition] = MailSide()
            backups[partition] = MailSide()
            progress[partition] = MailProgress()
            epochs[partition] = 1
        }
    }

    private var verdict: String? {
        if let violation = streams.violation { return violation }
        for (partition, side) in sides where side.outgoing.waitingCount > 0 {
            return "mail: letters of partition \(partition) wait that all have taken"
        }
        if skipped == 0 || refused == 0 { return "mail: nothing went wrong" }
        return losses > 0 && !hasLosses ? "mail: \(losses) losses were noticed, and there are none" : nil
    }

    private mutating func step() {
        guard let source = MailWorld.partitions.randomElement(using: &random),
            let destination = MailWorld.partitions.randomElement(using: &random)
        else { return }
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<5: write(from: source)
        case 5..<9: send(from: source, to: destination)
        case 9..<15: carry()
        case 15, 16: trim(source, from: Int.random(in: 1...4, using: &random))
        case 17: progress[source]?.forget(source)
        case 18 where hasLosses && random.one(in: 8): loseEnd(of: source)
        case 18 where hasLosses && random.one(in: 2): backups[source] = sides[source]
        default: restart(source)
        }
    }

    /// A letter and an answer arrive, or do not, or will once more.
    private mutating func carry() {
        if let index = onTheWay.indices.randomElement(using: &random) {
            let carried = onTheWay[index]
            if !random.one(in: 6) { onTheWay.remove(at: index) }
            if !random.one(in: 5) { deliver(carried) }
        }
        if let index = answers.indices.randomElement(using: &random) {
            take(answers[index])
            if !random.one(in: 6) { answers.remove(at: index) }
        }
    }

    /// Everything arrives that is still to be taken.
    private mutating func settle() {
        (onTheWay, answers) = ([], [])
        for source in MailWorld.partitions {
            if !remembersToTheEnd { progress[source]?.forget(source) }
            for destination in MailWorld.partitions {
                // Answers may be that what was sent is not what comes next.
                for _ in 0..<3 {
                    send(from: source, to: destination, limit: .max)
                    for carried in onTheWay { deliver(carried) }
                    for answer in answers { take(answer) }
                    (onTheWay, answers) = ([], [])
                }
            }
            trim(source, from: 1)
        }
        streams.checkArrived()
    }

    private mutating func write(from source: PartitionID) {
        let destinations = MailWorld.partitions.filter { _ in random.one(in: 2) }
        guard !destinations.isEmpty, let epoch = epochs[source], var side = sides[source] else { return }
        lastValue += 1
        let sequence = side.write(lastValue, to: destinations, in: epoch)
        sides[source] = side
        for destination in destinations {
            streams.noteWritten(lastValue, sequence, from: source, to: destination)
        }
    }

    /// Sends what a destination is not known to have, or something behind that.
    private mutating func send(from source: PartitionID, to destination: PartitionID, limit: Int? = nil) {
        guard let mail = sides[source]?.outgoing else { return }
        var position = progress[source]?.taken(from: source, by: destination)
        if limit == nil, random.one(in: 4) {
            position = (position ?? mail.acknowledged(by: destination)) + UInt64.random(in: 0...10, using: &random)
        }
        let letters = mail.letters(
            for: destination,
            after: position,
            limit: limit ?? Int.random(in: 1...5, using: &random),
            bytes: limit ?? Int.random(in: 1...300, using: &random),
            from: source
        )
        if letters.isEmpty == mail.hasLetters(for: destination, after: position ?? 0) {
            streams.fail("\(letters.count) letters from \(source) to \(destination) behind \(position ?? 0)")
        }
        let floor = mail.acknowledged(by: destination)
        onTheWay += letters.map { (destination, $0, floor) }
    }

    private mutating func deliver(_ carried: Carried) {
        let (destination, letter, floor) = carried
        guard var side = sides[destination] else { return }
        switch side.incoming.verdict(on: letter) {
        case .take:
            side.incoming.noteTaken(letter)
            for case .removal(_, let tweet) in letter.messages {
                streams.noteArrived(tweet.rawValue, from: letter.source, to: destination)
            }
        case .skip: skipped += 1
        case .refuse: refused += 1
        }
        sides[destination] = side
        answers.append((destination, side.incoming.receipt(for: letter.source), floor))
    }

    private mutating func take(_ answer: Answer) {
        let source = answer.receipt.partition
        guard let mail = sides[source]?.outgoing,
            let news = progress[source]?.note(
                answer.receipt,
                of: answer.destination,
                in: mail,
                floor: answer.floor,
                maySeeLoss: true
            )
        else { return }
        if news == .lost { losses += 1 }
    }

    private mutating func trim(_ source: PartitionID, from count: Int) {
        guard var side = sides[source],
            let receipts = progress[source]?.trim(of: source, in: side.outgoing, from: count)
        else { return }
        progress[source]?.noteTrim(receipts, of: source)
        for receipt in side.trim(receipts) {
            streams.noteAcknowledged(receipt.sequence, from: source, by: receipt.partition)
        }
        sides[source] = side
    }

    /// Both sides of a partition begin again with what they had stored, now and then in a new epoch.
    private mutating func restart(_ partition: PartitionID) {
        if random.one(in: 2) { epochs[partition, default: 1] += 1 }
        sides[partition] = sides[partition]?.reopened()
        progress[partition] = MailProgress()
    }

    /// A partition goes on with what it had some time ago.
    private mutating func loseEnd(of partition: PartitionID) {
        guard let backup = backups[partition], let epoch = epochs[partition] else { return }
        for other in MailWorld.partitions {
            streams.noteSourceLost(from: partition, to: other, behind: backup.lastSequence)
            streams.noteDestinationLost(
                from: other,
                to: partition,
                behind: backup.incoming.receipt(for: other).sequence
            )
        }
        epochs[partition] = epoch + 1
        sides[partition] = backup
        restart(partition)
    }
}
