import NIOCore
import Node
import Placement
import Testing

@Suite struct CourierLanesTests {
    private static let node = NodeID(1)

    private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .milliseconds(milliseconds) }

    @Test func theFirstLetterBehindASilenceGoesAtOnce() {
        var lanes = CourierLanes()
        #expect(lanes.isFree(Self.node) && lanes.isOpen(Self.node, at: at(0)))
        lanes.noteSent(Self.node, isFull: false, at: at(0))
        #expect(!lanes.isFree(Self.node))
        lanes.noteAnswered(Self.node)
        #expect(lanes.isFree(Self.node) && !lanes.isOpen(Self.node, at: at(99)))
        #expect(lanes.isOpen(Self.node, at: at(0) + CourierLanes.silence))
        #expect(lanes.isOpen(NodeID(2), at: at(1)), "each node has a lane of its own")
    }

    @Test func whatDoesNotFitFollowsAtOnce() {
        var lanes = CourierLanes()
        lanes.noteSent(Self.node, isFull: true, at: at(0))
        lanes.noteNothingLeft()
        lanes.noteAnswered(Self.node)
        #expect(lanes.isOpen(Self.node, at: at(1)))
        lanes.noteSent(Self.node, isFull: false, at: at(1))
        lanes.noteAnswered(Self.node)
        #expect(!lanes.isOpen(Self.node, at: at(2)))
    }

    @Test func aRoundThatFindsANodeBusyIsMadeUpForOnce() {
        var lanes = CourierLanes()
        lanes.noteSent(Self.node, isFull: false, at: at(0))
        lanes.noteRound()
        lanes.noteNothingLeft()
        lanes.noteAnswered(Self.node)
        #expect(lanes.isOpen(Self.node, at: at(25)))
        // There was nothing for it.
        lanes.noteNothingLeft()
        #expect(!lanes.isOpen(Self.node, at: at(26)))
    }
}
