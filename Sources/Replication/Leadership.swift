internal import Model
internal import Placement

/// What a primary knows of its epoch: how far the others are, and what it is about to change.
struct Leadership {
    /// A secondary or learner, as its primary sees it.
    struct Follower {
        /// The next entry to send.
        var next: LogIndex
        /// Everything up to here it holds durably.
        var matched: LogIndex = 0
        /// How far it has said to have applied the log.
        var applied: LogIndex = 0
        /// Where sending began: nothing is known of what is between `matched` and it.
        var base: LogIndex
        /// When the primary began to count on it.
        var since: MonotonicTime
        /// When it last acknowledged something new, or had nothing to acknowledge.
        var lastProgress: MonotonicTime
        var lastHeard: MonotonicTime = 0
        var lastSent: MonotonicTime = 0
        /// The newest time by its own clock that it has told.
        var lastClock: MonotonicTime = 0
        /// Until when it counts as about to end. It says so again and again.
        var leavesUntil: MonotonicTime = 0
        /// Whether it is being sent a snapshot, which takes the place of what it has: it must not count meanwhile.
        var isReceivingSnapshot = false
        /// Entries or a snapshot for it are being read: nothing is sent meanwhile.
        var isReading = false

        init(from base: LogIndex, now: MonotonicTime) {
            next = base + 1
            self.base = base
            since = now
            lastProgress = now
        }

        /// Begins again behind what it is known to hold.
        mutating func goBack() {
            next = min(next, max(matched, base) + 1)
        }

        /// How many entries have been sent and not acknowledged.
        var inFlight: UInt64 { next - 1 - min(next - 1, max(matched, base)) }
    }

    /// A learner whose acknowledgement commits need, and whose lease reads need, since it may be admitted.
    struct Admission {
        let learner: NodeID
        /// When it holds everything up to here it may be proposed.
        let from: LogIndex
    }

    /// The entry with which the epoch began. Until it is committed nothing is served.
    let beginning: LogIndex
    /// Before this, a primary of an earlier epoch may still serve.
    var serveFrom: MonotonicTime
    /// Until when this primary is known to serve, whatever becomes of its place; 0 where nobody can say.
    var servesUntil: MonotonicTime = 0
    var followers: [NodeID: Follower]
    var admission: Admission?
    /// Since when the primary's own log takes nothing; nil while it does.
    var stall: Stall?
    /// Whom the primary's place is to be handed to.
    var successor: NodeID?

    /// The newest time by a follower's clock as of which this primary is sure to know all that is committed: it has served since
    /// then.
    func completeness(for follower: Follower, now: MonotonicTime) -> MonotonicTime {
        now < servesUntil ? follower.lastClock : 0
    }
}
