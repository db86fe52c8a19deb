internal import Log
internal import Model
internal import NIOCore

/// Gives the node's log what the partitions of one event loop append, once a turn of the loop, and tells them when it is
/// durable.
///
/// Confined to its event loop.
final class LogFeed {
    /// By partition, the last ticket of what was given to the log.
    typealias Tickets = [PartitionID: UInt64]
    typealias FollowUp = (Result<Void, LogError>) -> Void

    private let eventLoop: any EventLoop
    private let log: GroupCommitLog
    private let completion: (Tickets, Result<Void, LogError>) -> Void
    private var records: [LogRecord] = []
    private var tickets: Tickets = [:]
    private var followUps: [FollowUp] = []
    private(set) var waitingBytes = 0
    private var isSubmitScheduled = false

    /// - Parameter completion: called on the loop when records are durable, in their order, or never will be.
    init(
        eventLoop: any EventLoop,
        log: GroupCommitLog,
        completion: @escaping (Tickets, Result<Void, LogError>) -> Void
    ) {
        self.eventLoop = eventLoop
        self.log = log
        self.completion = completion
    }

    /// - Parameters:
    ///   - ticket: with which the partition is told that they are durable; nil where it need not be.
    ///   - followUp: called when they are, or never will be.
    func append(
        _ new: [LogRecord],
        of partition: PartitionID,
        ticket: UInt64?,
        followUp: FollowUp? = nil
    ) {
        records.append(contentsOf: new)
        waitingBytes += new.reduce(0) { $0 + $1.payload.count }
        if let ticket { tickets[partition] = ticket }
        if let followUp { followUps.append(followUp) }
        guard !isSubmitScheduled else { return }
        isSubmitScheduled = true
        eventLoop.assumeIsolated().execute { self.submit() }
    }

    private func submit() {
        isSubmitScheduled = false
        let submitted = tickets
        let bound = NIOLoopBound((feed: self, followUps: followUps), eventLoop: eventLoop)
        do throws(LogError) {
            try log.submit(records) { result in
                bound.eventLoop.execute {
                    bound.value.feed.completion(submitted, result)
                    for followUp in bound.value.followUps {
                        followUp(result)
                    }
                }
            }
        } catch .busy {
            // Kept, in order, in front of what follows.
            isSubmitScheduled = true
            eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.submit() }
            return
        } catch {
            // Behind what the log has completed before.
            let failed = followUps
            eventLoop.assumeIsolated().execute {
                self.completion(submitted, .failure(error))
                for followUp in failed {
                    followUp(.failure(error))
                }
            }
        }
        records = []
        tickets = [:]
        followUps = []
        waitingBytes = 0
    }
}
