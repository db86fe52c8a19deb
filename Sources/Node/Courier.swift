internal import Logging
internal import Mail
internal import Messages
internal import Model
internal import NIOCore
internal import Observability
internal import Partitions
internal import Placement

/// Carries the letters of this loop's partitions to the nodes that serve their destinations: one request to a node
/// at a time, which takes whatever has gathered meanwhile, for all partitions and streams together. A letter that somebody
/// waits for goes at once, and so does one behind a silence; others wait for the next round, of which there are fifty a second.
/// Rounds of all nodes are at the same times of day, as far as their clocks agree, so that destinations log what
/// comes from several together (`MailGathering`).
///
/// Confined to its host's event loop.
final class Courier {
    private struct Pause {
        let end: NIODeadline
        let length: TimeAmount
    }

    /// What a node is sent together.
    private struct Request {
        private(set) var letters: [PartitionID: [Letter]] = [:]
        /// By destination and source, what the destination was noted to have taken when the letters were sent.
        private(set) var floors: [PartitionID: [PartitionID: UInt64]] = [:]
        private(set) var bytes = 0
        private(set) var isFull = false

        mutating func add(_ new: [Letter], of mail: OutgoingMail, to destination: PartitionID) {
            guard let source = new.first?.source else { return }
            floors[destination, default: [:]][source] = mail.acknowledged(by: destination)
            bytes += new.reduce(0) { $0 + $1.size }
            letters[destination, default: []].append(contentsOf: new)
            isFull = isFull || new.count == Courier.lettersPerBag || bytes >= Courier.bytesPerRequest / 2
        }
    }

    private static let lettersPerBag = 1_024
    private static let bytesPerRequest = 4 << 20
    private static let patience = TimeAmount.seconds(5)
    private static let pauseAfterFailure = TimeAmount.milliseconds(20)
    /// A destination that takes nothing is asked with one letter this often: what waits for it goes soon after it serves again.
    private static let longestPause = TimeAmount.milliseconds(200)
    /// Between two rounds. What gathers meanwhile is one entry of each destination's log: entries of a few letters would cost their
    /// log and store more than the letters.
    private static let interval = TimeAmount.milliseconds(20)
    /// How many taken letters a partition gathers before it notes them in its log.
    private static let lettersPerTrim = 2_048

    private let host: PartitionHost
    private let logger: Logger
    private var progress = MailProgress()
    private var lanes = CourierLanes()
    /// The nodes that letters may go to, as of a version of the map.
    private var primaries: Set<NodeID> = []
    private var primariesVersion: UInt64 = 0
    /// Destinations that took nothing the last time, until when they are left alone.
    private var pauses: [PartitionID: Pause] = [:]
    private var isPumpScheduled = false
    private var isRoundScheduled = false

    init(host: PartitionHost, logger: Logger) {
        self.host = host
        self.logger = logger
    }

    /// Letters may be waiting: they are sent at the end of this turn of the loop.
    func notice() {
        guard !isPumpScheduled else { return }
        isPumpScheduled = true
        host.eventLoop.assumeIsolated().execute {
            self.isPumpScheduled = false
            self.pump()
        }
    }

    private func scheduleRound() {
        guard !isRoundScheduled else { return }
        isRoundScheduled = true
        let interval = Microseconds(Courier.interval.nanoseconds / 1_000)
        let left = TimeAmount.microseconds(Int64(interval - host.clock.now() % interval))
        host.eventLoop.assumeIsolated().scheduleTask(in: left) {
            self.isRoundScheduled = false
            self.pump(isRound: true)
        }
    }

    private func pump(isRound: Bool = false) {
        let now = NIODeadline.now()
        // Most often there is nothing to do but wait.
        guard isRound || isAnyLaneOpen(at: now) else { return }
        if isRound { lanes.noteRound() }
        var requests: [NodeID: Request] = [:]
        for replica in host.replicas where replica.isServing {
            let source = replica.partition.id
            let mail = replica.partition.outgoingMail
            mail.forEachWaiting { destination, mayBeAwaited in
                guard let node = host.map.primary(of: destination), lanes.isFree(node),
                    pauses[destination].map({ $0.end <= now }) ?? true
                else { return }
                let isDue = isRound || lanes.isOpen(node, at: now)
                // Where a round is to come, what is not due need not be looked at.
                guard isDue || mayBeAwaited || !isRoundScheduled else { return }
                gather(mail, of: source, for: destination, isDue: isDue, into: &requests[node, default: Request()])
            }
        }
        for (node, request) in requests where !request.letters.isEmpty {
            lanes.noteSent(node, isFull: request.isFull, at: now)
            send(request, to: node)
        }
        lanes.noteNothingLeft()
    }

    /// Whether something may be sent to any node that letters go to before the next round, or a round be set.
    private func isAnyLaneOpen(at now: NIODeadline) -> Bool {
        if primariesVersion != host.map.version {
            primariesVersion = host.map.version
            primaries = Set(host.map.configurations.compactMap(\.primary))
        }
        var takesAwaited = false
        for node in primaries {
            guard lanes.isFree(node) else { continue }
            if !isRoundScheduled || lanes.isOpen(node, at: now) { return true }
            takesAwaited = true
        }
        return takesAwaited && host.replicas.contains { $0.isServing && $0.partition.outgoingMail.mayBeAwaited }
    }

    /// Adds what may be sent of one stream to the request to its destination's node.
    ///
    /// - Parameter isDue: whether letters that nobody waits for may go now; otherwise they go in the next round.
    private func gather(
        _ mail: OutgoingMail,
        of source: PartitionID,
        for destination: PartitionID,
        isDue: Bool,
        into request: inout Request
    ) {
        let taken = progress.taken(from: source, by: destination)
        guard isDue || mail.isAwaited(by: destination, after: taken ?? 0) else {
            if mail.hasLetters(for: destination, after: taken ?? 0) { scheduleRound() }
            return
        }
        let left = Courier.bytesPerRequest - request.bytes
        guard left > 0 else { return }
        let letters = mail.letters(
            for: destination,
            after: taken,
            limit: pauses[destination] == nil ? Courier.lettersPerBag : 1,
            bytes: left,
            from: source
        )
        request.add(letters, of: mail, to: destination)
    }

    private func send(_ request: Request, to node: NodeID) {
        // One that comes before the answer is not to be waited for twice.
        scheduleRound()
        let bags = request.letters.map { MailBag(destination: $0.key, letters: $0.value) }
        host.ask(node, .deliver(bags), deadline: .now() + Courier.patience) { result in
            switch result {
            case .success(.delivered(let reports)):
                var isProgress = false
                for report in reports {
                    isProgress = self.take(report, floors: request.floors[report.destination] ?? [:]) || isProgress
                }
                self.release(node, after: isProgress ? .zero : Courier.pauseAfterFailure)
            case .success(let reply):
                self.logger.debug("mail not taken", metadata: ["node": "\(node)", "reply": "\(reply)"])
                self.release(node, after: Courier.pauseAfterFailure)
            case .failure(let failure):
                self.logger.debug("mail not delivered", metadata: ["node": "\(node)", "failure": "\(failure)"])
                self.release(node, after: Courier.pauseAfterFailure)
            }
        }
    }

    /// The node may be sent the next request, at once or later.
    private func release(_ node: NodeID, after pause: TimeAmount) {
        guard pause > .zero else {
            lanes.noteAnswered(node)
            return notice()
        }
        host.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            self.lanes.noteAnswered(node)
            self.pump()
        }
    }

    /// A destination says how far it is: letters go on from there, forward or back.
    ///
    /// - Returns: whether anything was taken.
    private func take(_ report: MailReport, floors: [PartitionID: UInt64]) -> Bool {
        var isProgress = false
        for receipt in report.receipts {
            // Who carries these letters now has been told more, or will be.
            guard let replica = host.replica(of: receipt.partition), replica.isServing,
                let floor = floors[receipt.partition]
            else { continue }
            let mail = replica.partition.outgoingMail
            // Without a lease there may be a later primary, who has written more.
            let news = progress.note(
                receipt,
                of: report.destination,
                in: mail,
                floor: floor,
                maySeeLoss: replica.mayRead
            )
            switch news {
            case .progress: isProgress = true
            case .noProgress, .late: break
            case .lost:
                isProgress = true
                noteLostEntries(receipt.partition, report.destination)
            }
        }
        if isProgress {
            pauses[report.destination] = nil
        } else {
            let last = pauses[report.destination]?.length ?? Courier.pauseAfterFailure
            let length = min(last * 2, Courier.longestPause)
            pauses[report.destination] = Pause(end: .now() + length, length: length)
        }
        for source in Set(report.receipts.map(\.partition)) {
            if let replica = host.replica(of: source) { trim(replica, from: Courier.lettersPerTrim) }
        }
        return isProgress
    }

    private func noteLostEntries(_ source: PartitionID, _ destination: PartitionID) {
        let what =
            "mail from partition \(source) to \(destination): one side lost entries, and what they did at the other stays"
        // The node does as well as before; without it the partition would lack a replica too.
        let subject = "mail \(source) to \(destination)"
        guard host.problems.set(what, about: subject, isHindrance: false) else { return }
        logger.error("mail goes on where one side lost entries", metadata: ["what": "\(what)"])
    }

    /// A partition is served here no longer: what its destinations have taken is to be found out anew when it is.
    func forget(_ source: PartitionID) {
        progress.forget(source)
    }

    /// Notes in each partition's log what its destinations have taken, where that is at least `count` letters.
    ///
    /// To be called with 1 now and then, so that an idle partition's last letters go too.
    func trim(from count: Int) {
        for replica in host.replicas {
            trim(replica, from: count)
        }
    }

    private func trim(_ replica: Replica, from count: Int) {
        guard replica.isServing else { return }
        let source = replica.partition.id
        let receipts = progress.trim(of: source, in: replica.partition.outgoingMail, from: count)
        guard !receipts.isEmpty, replica.trimOutbox(receipts) else { return }
        progress.noteTrim(receipts, of: source)
    }
}
