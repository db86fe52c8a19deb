internal import NIOConcurrencyHelpers
internal import NIOCore
internal import Synchronization

extension SocketAddress {
    /// As people write it, and `CLIENT LIST` shows it.
    var text: String { "\(ipAddress ?? ""):\(port ?? 0)" }
}

/// All loops of a router, for commands that are about other connections than their own. Any thread.
final class ClientRoster: Sendable {
    private let routers = Mutex<[NIOLoopBound<LoopRouter>]>([])

    func add(_ router: NIOLoopBound<LoopRouter>) {
        routers.withLock { $0.append(router) }
    }

    /// Lines about the clients of all loops that a filter names, by their ids.
    func list(_ filter: ClientFilter, on loop: any EventLoop) -> EventLoopFuture<[ClientDescription]> {
        gather(on: loop) { $0.clients(filter) }
            .map { $0.flatMap { $0 }.sorted { $0.id < $1.id } }
    }

    /// Closes the clients that a filter names.
    ///
    /// - Returns: how many there were.
    func kill(_ filter: ClientFilter, by killer: UInt64, on loop: any EventLoop) -> EventLoopFuture<Int> {
        gather(on: loop) { $0.kill(filter, by: killer) }.map { $0.reduce(0, +) }
    }

    /// Brings the gauges of all loops up to date, a moment later.
    func refreshGauges() {
        for router in routers.withLock({ $0 }) {
            router.eventLoop.execute { router.value.refreshGauges() }
        }
    }

    private func gather<Value: Sendable>(
        on loop: any EventLoop,
        _ body: @escaping @Sendable (LoopRouter) -> Value
    ) -> EventLoopFuture<[Value]> {
        let parts = routers.withLock { $0 }.map { router in router.eventLoop.submit { body(router.value) } }
        return EventLoopFuture.whenAllSucceed(parts, on: loop)
    }
}

/// Which clients a command is about.
struct ClientFilter: Sendable {
    var ids: Set<UInt64>?
    var address: String?
    /// The router's end of the connection.
    var localAddress: String?
    var user: String?
    /// Whom the command leaves out: the one that gave it.
    var skipped: UInt64?
    var leastAgeSeconds: Int?
    /// Where it names clients of a kind that there is not here.
    var matchesNobody = false

    func matches(_ client: ClientDescription) -> Bool {
        !matchesNobody && (ids?.contains(client.id) ?? true) && (address.map { $0 == client.address } ?? true)
            && (localAddress.map { $0 == client.localAddress } ?? true)
            && (user.map { $0 == "default" } ?? true) && client.id != skipped
            && (leastAgeSeconds.map { client.ageSeconds >= $0 } ?? true)
    }
}

/// One client as `CLIENT LIST` shows it.
struct ClientDescription: Sendable {
    let id: UInt64
    let address: String
    let localAddress: String
    let ageSeconds: Int
    let idleSeconds: Int
    let name: String
    let lastCommand: String
    let version: Int
    let library: String
    let libraryVersion: String
    let deadlineMilliseconds: Int64
    /// Bytes that have arrived and are not carried out yet.
    let unreadBytes: Int
    /// Commands that are under way or whose answers wait for earlier ones.
    let pending: Int
    /// Bytes of answers that the client has not taken.
    let unsentBytes: Int
    /// Bytes of memory, of all that.
    let heldBytes: Int

    /// As Redis writes it: fields that tools look for, by the names that they have there.
    var line: String {
        "id=\(id) addr=\(address) laddr=\(localAddress) name=\(name) age=\(ageSeconds) idle=\(idleSeconds) flags=N db=0 sub=0 psub=0 multi=-1 "
            + "qbuf=\(unreadBytes) oll=\(pending) omem=\(unsentBytes) tot-mem=\(heldBytes) cmd=\(lastCommand) user=default resp=\(version) "
            + "lib-name=\(library) lib-ver=\(libraryVersion) deadline=\(deadlineMilliseconds)\n"
    }
}
