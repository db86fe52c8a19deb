import Mail
import Model
import Randomness
import Testing

/// Three partitions' mail to each other, with letters and receipts late, lost, repeated and in any order, carriers that
/// forget what they knew, and restarts from what is stored: everything arrives exactly once, in order.
@Suite struct MailProperty {
    @Test(arguments: 1...UInt64(40)) func everyLetterArrivesOnceAndInOrder(seed: UInt64) {
        var world = World(seed: seed)
        for _ in 0..<2_000 {
            world.step()
        }
        world.settle()
        for (stream, written) in world.written {
            #expect(world.arrived[stream] == written, "seed \(seed): \(stream)")
        }
        #expect(world.outgoing.values.allSatisfy { $0.waitingCount == 0 }, "seed \(seed)")
        #expect(world.skipped > 0 && world.refused > 0, "seed \(seed): nothing went wrong")
    }
}

private struct Stream: Hashable {
    let source: PartitionID
    let destination: PartitionID
}

private struct World {
    private struct Stored {
        let sequence: UInt64
        let message: MailMessage
        let destinations: [PartitionID]
    }

    private static let partitions = (0..<3).map { PartitionID(UInt16($0)) }

    private var random: SeededGenerator
    private(set) var outgoing: [PartitionID: OutgoingMail] = [:]
    private var incoming: [PartitionID: IncomingMail] = [:]
    private var progress: [PartitionID: MailProgress] = [:]
    /// What a restart of a source finds: its letters, and how far each destination was noted to have them.
    private var stored: [PartitionID: [Stored]] = [:]
    private var trimmed: [Stream: MailReceipt] = [:]
    private var onTheWay: [(destination: PartitionID, letter: Letter, floor: UInt64)] = []
    private var answers: [(destination: PartitionID, receipt: MailReceipt, floor: UInt64)] = []
    private var last: UInt64 = 0
    private(set) var written: [Stream: [UInt64]] = [:]
    private(set) var arrived: [Stream: [UInt64]] = [:]
    private(set) var skipped = 0
    private(set) var refused = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        for partition in World.partitions {
            outgoing[partition] = OutgoingMail()
            incoming[partition] = IncomingMail()
            progress[partition] = MailProgress()
        }
    }

    mutating func step() {
        guard let source = World.partitions.randomElement(using: &random),
            let destination = World.partitions.randomElement(using: &random)
        else { return }
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<5: write(from: source)
        case 5..<9: send(from: source, to: destination)
        case 9..<15:
            guard let index = onTheWay.indices.randomElement(using: &random) else { return }
            let (destination, letter, floor) = onTheWay[index]
            if !random.one(in: 6) { onTheWay.remove(at: index) }
            if !random.one(in: 5) { deliver(letter, to: destination, floor: floor) }
            guard let index = answers.indices.randomElement(using: &random) else { return }
            take(answers[index])
            if !random.one(in: 6) { answers.remove(at: index) }
        case 15, 16: trim(source, from: UInt64.random(in: 1...4, using: &random))
        case 17: progress[source]?.forget(source)
        default: restart(source)
        }
    }

    /// Everything arrives that is still to be taken.
    mutating func settle() {
        for source in World.partitions {
            progress[source]?.forget(source)
            for destination in World.partitions {
                (onTheWay, answers) = ([], [])
                send(from: source, to: destination, limit: .max)
                for (destination, letter, floor) in onTheWay {
                    deliver(letter, to: destination, floor: floor)
                }
                for answer in answers {
                    take(answer)
                }
            }
            trim(source, from: 1)
        }
    }

    private mutating func write(from source: PartitionID) {
        last += 1
        let destinations = World.partitions.filter { _ in random.one(in: 2) }
        guard !destinations.isEmpty else { return }
        let message = MailMessage.removal(author: UserID(1), tweet: TweetID(last))
        outgoing[source]?.append([message], sequence: last, to: destinations)
        stored[source, default: []].append(Stored(sequence: last, message: message, destinations: destinations))
        for destination in destinations {
            written[Stream(source: source, destination: destination), default: []].append(last)
        }
    }

    /// Sends what a destination is not known to have, or something behind that.
    private mutating func send(from source: PartitionID, to destination: PartitionID, limit: Int? = nil) {
        guard let mail = outgoing[source] else { return }
        var position = progress[source]?.taken(from: source, by: destination) ?? 0
        if limit == nil, random.one(in: 4) { position += UInt64.random(in: 0...10, using: &random) }
        let letters = mail.letters(
            for: destination,
            after: position,
            limit: limit ?? Int.random(in: 1...5, using: &random),
            bytes: limit ?? Int.random(in: 1...300, using: &random),
            from: source
        )
        #expect(letters.isEmpty != mail.hasLetters(for: destination, after: position))
        let floor = mail.acknowledged(by: destination)
        onTheWay += letters.map { (destination, $0, floor) }
    }

    private mutating func deliver(_ letter: Letter, to destination: PartitionID, floor: UInt64) {
        guard var mail = incoming[destination] else { return }
        switch mail.verdict(on: letter) {
        case .take:
            mail.noteTaken(letter)
            for case .removal(_, let tweet) in letter.messages {
                arrived[Stream(source: letter.source, destination: destination), default: []].append(tweet.rawValue)
            }
        case .skip: skipped += 1
        case .refuse: refused += 1
        }
        incoming[destination] = mail
        answers.append((destination, mail.receipt(for: letter.source), floor))
    }

    private mutating func take(_ answer: (destination: PartitionID, receipt: MailReceipt, floor: UInt64)) {
        let source = answer.receipt.partition
        guard let mail = outgoing[source],
            let news = progress[source]?.note(answer.receipt, of: answer.destination, in: mail, floor: answer.floor)
        else { return }
        #expect(news != .impossible)
    }

    private mutating func trim(_ source: PartitionID, from count: UInt64) {
        guard let mail = outgoing[source],
            let receipts = progress[source]?.trim(of: source, in: mail, from: count)
        else { return }
        progress[source]?.noteTrim(receipts, of: source)
        let done = outgoing[source]?.trim(receipts)
        stored[source]?.removeAll { done?.letters.contains($0.sequence) == true }
        for receipt in done?.receipts ?? [] {
            trimmed[Stream(source: source, destination: receipt.partition)] = receipt
        }
    }

    /// Both sides of a partition begin again with what they had stored.
    private mutating func restart(_ partition: PartitionID) {
        var mail = OutgoingMail()
        for destination in World.partitions {
            if let receipt = trimmed[Stream(source: partition, destination: destination)] { mail.restore(receipt) }
        }
        for letter in stored[partition] ?? [] {
            mail.append([letter.message], sequence: letter.sequence, to: letter.destinations)
        }
        #expect(mail.waitingCount == outgoing[partition]?.waitingCount)
        outgoing[partition] = mail
        progress[partition] = MailProgress()
        var taken = IncomingMail()
        for receipt in incoming[partition]?.receipts(of: 0..<3) ?? [] {
            taken.restore(receipt)
        }
        incoming[partition] = taken
    }
}
