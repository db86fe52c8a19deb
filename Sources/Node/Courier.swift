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
/// waits for goes at once, others every 20 ms at most.
///
/// Confined to its host's event loop.
final class Courier {
    /// The way to one node.
    private struct Lane {
        /// Whether a request is under way.
        var isBusy = false
        /// When the node may be sent what nobody waits for.
        var due: NIODeadline?
        /// Whether letters wait until then, and a task with them.
        var isWaiting = false

        func isDue(at now: NIODeadline) -> Bool { due.map { $0 <= now } ?? true }
    }

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
    /// How long a node is sent nothing that nobody waits for. What gathers meanwhile is one entry of each destination's log:
    /// entries of a few letters would cost their log and store more than the letters.
    private static let interval = TimeAmount.milliseconds(20)
    /// How many taken letters a partition gathers before it notes them in its log.
    private static let lettersPerTrim = 2_048

    private let host: PartitionHost
    private let logger: Logger
    private var progress = MailProgress()
    private var lanes: [NodeID: Lane] = [:]
    /// The nodes that letters may go to, as of a version of the map.
    private var primaries: Set<NodeID> = []
    private var primariesVersion: UInt64 = 0
    /// Destinations that took nothing the last time, until when they are left alone.
    private var pauses: [PartitionID: Pause] = [:]
    private var isPumpScheduled = false

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

    private func pump() {
        let now = NIODeadline.now()
        // Most often there is nothing to do but wait.
        guard isAnyLaneOpen(at: now) else { return }
        var requests: [NodeID: Request] = [:]
        for replica in host.replicas where replica.isServing {
            let source = replica.partition.id
            let mail = replica.partition.outgoingMail
            mail.forEachWaiting { destination, mayBeAwaited in
                gather(mail, of: source, for: destination, mayBeAwaited: mayBeAwaited, now: now, into: &requests)
            }
        }
        for (node, request) in requests where !request.letters.isEmpty {
            // What did not fit follows at once.
            if lanes[node]?.isDue(at: now) ?? true, !request.isFull {
                lanes[node, default: Lane()].due = now + Courier.interval
            }
            send(request, to: node)
        }
    }

    /// Whether something may be sent to any node that letters go to, or a time be set at which it may.
    private func isAnyLaneOpen(at now: NIODeadline) -> Bool {
        if primariesVersion != host.map.version {
            primariesVersion = host.map.version
            primaries = Set(host.map.configurations.compactMap(\.primary))
        }
        var takesAwaited = false
        for node in primaries {
            guard let lane = lanes[node] else { return true }
            guard !lane.isBusy else { continue }
            if lane.isDue(at: now) || !lane.isWaiting { return true }
            takesAwaited = true
        }
        return takesAwaited && host.replicas.contains { $0.isServing && $0.partition.outgoingMail.mayBeAwaited }
    }

    /// Adds what may be sent of one stream to the request to its destination's node.
    private func gather(
        _ mail: OutgoingMail,
        of source: PartitionID,
        for destination: PartitionID,
        mayBeAwaited: Bool,
        now: NIODeadline,
        into requests: inout [NodeID: Request]
    ) {
        guard let node = host.map.primary(of: destination) else { return }
        let lane = lanes[node] ?? Lane()
        guard !lane.isBusy, lane.isDue(at: now) || mayBeAwaited || !lane.isWaiting,
            pauses[destination].map({ $0.end <= now }) ?? true
        else { return }
        let taken = progress.taken(from: source, by: destination)
        guard lane.isDue(at: now) || mail.isAwaited(by: destination, after: taken ?? 0) else {
            if mail.hasLetters(for: destination, after: taken ?? 0) { pumpWhenDue(node) }
            return
        }
        let left = Courier.bytesPerRequest - requests[node, default: Request()].bytes
        guard left > 0 else { return }
        let letters = mail.letters(
            for: destination,
            after: taken,
            limit: pauses[destination] == nil ? Courier.lettersPerBag : 1,
            bytes: left,
            from: source
        )
        requests[node, default: Request()].add(letters, of: mail, to: destination)
    }

    /// Lets letters to a node wait for more of them.
    private func pumpWhenDue(_ node: NodeID) {
        guard let lane = lanes[node], let due = lane.due, !lane.isWaiting else { return }
        lanes[node]?.isWaiting = true
        host.eventLoop.assumeIsolated().scheduleTask(deadline: due) {
            self.lanes[node]?.isWaiting = false
            self.pump()
        }
    }

    private func send(_ request: Request, to node: NodeID) {
        lanes[node, default: Lane()].isBusy = true
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
            lanes[node]?.isBusy = false
            return notice()
        }
        host.eventLoop.assumeIsolated().scheduleTask(in: pause) {
            self.lanes[node]?.isBusy = false
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
