/// Steps that wait to be sent: each actor's in their order, and one of them at a time. A step may be refused and have to
/// be sent again, or in parts, and its actor's later steps must not take effect before it.
package struct LoadLanes<Step> {
    private let actor: (Step) -> UInt64
    /// By actor, the next step last.
    private var waiting: [UInt64: [Step]] = [:]
    /// Actors with steps, in the order of their first ones.
    private var actors: [UInt64] = []
    package private(set) var count: Int

    /// - Parameter actor: whose step one is.
    package init(_ steps: [Step], actor: @escaping (Step) -> UInt64) {
        self.actor = actor
        count = steps.count
        for step in steps.reversed() {
            waiting[actor(step), default: []].append(step)
        }
        var seen: Set<UInt64> = []
        actors = steps.map(actor).filter { seen.insert($0).inserted }
    }

    package var isEmpty: Bool { count == 0 }

    /// Takes the next step of every actor.
    package mutating func takeNext() -> [Step] {
        let next = actors.compactMap { waiting[$0]?.popLast() }
        actors.removeAll { waiting[$0]?.isEmpty ?? true }
        count -= next.count
        return next
    }

    /// Puts steps of one actor back, in front of that actor's others.
    package mutating func putBack(_ steps: [Step]) {
        guard let first = steps.first else { return }
        let actor = actor(first)
        if waiting[actor]?.isEmpty ?? true { actors.append(actor) }
        waiting[actor, default: []].append(contentsOf: steps.reversed())
        count += steps.count
    }
}
