internal import DequeModule
package import Model

/// Lets one user have no more commands under way than a share of what all others have, so that who asks without a pause does not keep
/// the others waiting. Where nobody else asks for anything there is no limit: files of one author's tweets are loaded with thousands
/// under way. Nor does it hold up the most popular readers of a busy cluster, who have a twentieth of all commands at most.
///
/// A pure bookkeeper: what has to wait is handed out again when it may begin, in its order.
package struct FairShare<Work> {
    /// One command for each so many of the others'.
    private static var othersPerCommand: Int { 4 }

    private struct Line {
        var underWay = 0
        var waiting: Deque<Work> = []
    }

    private var lines: [Actor: Line] = [:]
    private var underWay = 0
    /// What has to wait, of all users.
    package private(set) var waitingCount = 0

    package init() {}

    /// A command has come.
    ///
    /// - Returns: whether it may begin; otherwise it is kept.
    package mutating func begin(_ actor: Actor, _ work: @autoclosure () -> Work) -> Bool {
        var line = lines[actor] ?? Line()
        let mayBegin = line.waiting.isEmpty && line.underWay < limit(line)
        if mayBegin {
            line.underWay += 1
            underWay += 1
        } else {
            line.waiting.append(work())
            waitingCount += 1
        }
        lines[actor] = line
        return mayBegin
    }

    /// A command that had begun is answered.
    ///
    /// - Returns: what begins now.
    package mutating func end(_ actor: Actor) -> [Work] {
        guard var line = lines[actor], line.underWay > 0 else { return [] }
        line.underWay -= 1
        underWay -= 1
        var begun: [Work] = []
        while !line.waiting.isEmpty, line.underWay < limit(line) {
            begun.append(line.waiting.removeFirst())
            line.underWay += 1
            underWay += 1
            waitingCount -= 1
        }
        lines[actor] = line.underWay == 0 ? nil : line
        return begun
    }

    private func limit(_ line: Line) -> Int {
        let others = underWay - line.underWay
        return others == 0 ? .max : max(1, others / FairShare.othersPerCommand)
    }
}
