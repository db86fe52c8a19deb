internal import Synchronization

/// Whom readers have followed beyond the graph, in all workloads of a service.
final class AddedFollows: Sendable {
    private let byReader = Mutex<[Int: Set<Int>]>([:])

    func note(follower: Int, author: Int) {
        byReader.withLock { _ = $0[follower, default: []].insert(author) }
    }

    func authors(of reader: Int) -> Set<Int> { byReader.withLock { $0[reader] ?? [] } }
}
