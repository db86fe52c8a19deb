import Model
import NIOCore
import NIOEmbedded
import Router
import Testing

/// Two commands of a user may be under way; somebody else's is, too, so that nobody is alone.
@Suite struct TurnsTests {
    private let alice = UserID(1)
    private let bob = UserID(2)
    private let loop = EmbeddedEventLoop()
    private let turns: Turns
    private let log = Log()

    /// What has happened, in its order.
    private final class Log {
        var lines: [String] = []
    }

    init() {
        loop.advanceTime(by: .seconds(1))
        turns = Turns(eventLoop: loop, limit: 12, free: 2, mostWaiting: 8)
        take("other", asker: UserID(3))
    }

    private func take(
        _ name: String,
        asker: UserID? = nil,
        users: [UserID] = [],
        client: UInt64 = 7,
        within time: TimeAmount = .seconds(60)
    ) {
        turns.take(
            Turns.Task(
                asker: asker,
                users: asker.map { [$0] } ?? users,
                client: client,
                deadline: loop.now + time,
                begin: { [turns, log] in
                    if name.hasPrefix("refused") {
                        log.lines.append(name)
                        return false
                    }
                    turns.began(asker)
                    log.lines.append(name)
                    return true
                },
                refuse: { [log] in log.lines.append("\(name): \($0.code)") }
            )
        )
    }

    /// What has happened since the last call.
    private func happened() -> [String] {
        defer { log.lines = [] }
        return log.lines
    }

    @Test func aThirdCommandWaitsForTheFirstToEnd() {
        for name in ["a", "b", "c", "d"] {
            take(name, asker: alice)
        }
        #expect(happened() == ["other", "a", "b"] && turns.held == 2 && turns.underWay == 3)
        turns.ended(alice)
        // Older commands of the user, which are tried again, go first.
        #expect(happened() == [] && turns.underWay == 2)
        take("late", asker: alice)
        loop.run()
        #expect(happened() == ["c"] && turns.held == 2)
        turns.ended(alice)
        turns.ended(alice)
        loop.run()
        #expect(happened() == ["d", "late"] && turns.held == 0 && turns.underWay == 3)
    }

    @Test func aReadFollowsWhatItsClientHasAskedOfItsUsersBefore() {
        for name in ["a", "b", "c"] {
            take(name, asker: alice)
        }
        for name in ["x", "y", "z"] {
            take(name, asker: bob)
        }
        _ = happened()
        take("another client's", users: [alice, bob], client: 8)
        take("of nobody who waits", users: [UserID(9)])
        #expect(happened() == ["another client's", "of nobody who waits"])
        take("of both", users: [UserID(9), alice, bob])
        #expect(happened() == [])
        turns.ended(alice)
        turns.ended(alice)
        loop.run()
        #expect(happened() == ["c"] && turns.held == 2)
        turns.ended(bob)
        turns.ended(bob)
        loop.run()
        #expect(happened() == ["z", "of both"] && turns.held == 0)
    }

    @Test func whatDoesNotGetItsTurnInHalfItsTimeIsRefusedThoughNothingEnds() {
        for name in ["a", "b"] {
            take(name, asker: alice)
        }
        take("late", asker: alice, within: .nanoseconds(2))
        // Nobody is alone as long as others send commands.
        take("c", asker: alice)
        take("other again", asker: UserID(3))
        _ = happened()
        loop.advanceTime(by: .milliseconds(20))
        #expect(happened() == ["late: busy"] && turns.held == 1)
    }

    @Test func whoComesToBeAloneWaitsNoLonger() {
        for name in ["a", "b", "c", "d"] {
            take(name, asker: alice)
        }
        _ = happened()
        loop.advanceTime(by: .milliseconds(100))
        #expect(happened() == [])
        loop.advanceTime(by: .milliseconds(20))
        #expect(happened() == ["c", "d"] && turns.held == 0)
    }

    @Test func whatIsRefusedInItsTurnDoesNotHaveAllOthersRefused() {
        for name in ["a", "b", "refused", "c"] {
            take(name, asker: alice)
        }
        _ = happened()
        turns.ended(alice)
        loop.run()
        #expect(happened() == ["refused"] && turns.held == 1)
        loop.advanceTime(by: .milliseconds(20))
        #expect(happened() == ["c"])
    }

    @Test func whatWaitsCountsAgainstTheRoutersLimit() {
        for user in [alice, bob] {
            for number in 0..<8 {
                take("\(number)", asker: user)
            }
        }
        #expect(happened().filter { $0.hasSuffix("busy") } == ["3: busy", "4: busy", "5: busy", "6: busy", "7: busy"])
        #expect(turns.held + turns.underWay == 12)
    }

    @Test func tooMuchThatWaitsIsRefused() {
        for number in 0..<11 {
            take("\(number)", asker: alice)
        }
        #expect(happened() == ["other", "0", "1", "10: busy"] && turns.held == 8)
    }
}
