package import Client
package import NIOCore

/// Sends commands to a router over a few connections of one event loop.
package final class CommandStream: Sendable {
    package typealias Make = @Sendable (Int) -> [String]
    /// Looks at a reply; returns what is wrong with it.
    package typealias Check = @Sendable (Int, Reply) -> String?

    package let loop: any EventLoop
    private let connections: [NIOLoopBound<Connection>]

    package init(connections: [NIOLoopBound<Connection>], loop: any EventLoop) {
        self.connections = connections
        self.loop = loop
    }

    /// Connects to a router, or to anything else that speaks RESP.
    package static func connect(
        host: String,
        port: Int,
        password: String?,
        connections count: Int,
        loop: any EventLoop
    ) async throws -> CommandStream {
        var connections: [NIOLoopBound<Connection>] = []
        for _ in 0..<count {
            let connection = try await Connection.connect(host: host, port: port, on: loop)
            if let password, case .error(let text) = try await connection.ask(["AUTH", password]) {
                throw ClientError.disconnected(text)
            }
            connections.append(connection)
        }
        return CommandStream(connections: connections, loop: loop)
    }

    /// The connection for the commands of one actor, so that they take effect in their order. On the loop only.
    func connection(for lane: UInt64) -> Connection {
        connections[Int(lane % UInt64(connections.count))].value
    }

    /// One command and its reply.
    package func ask(_ words: [String]) async throws -> Reply {
        guard let connection = connections.first else { throw ClientError.disconnected("no connection") }
        return try await connection.ask(words)
    }

    /// Keeps `window` commands under way until `count` are answered.
    ///
    /// - Parameter lane: commands of one lane go over one connection, so that they take effect in their order.
    package func closed(
        count: Int,
        window: Int,
        lane: @escaping @Sendable (Int) -> UInt64 = { UInt64($0) },
        make: @escaping Make,
        check: @escaping Check = CommandStream.refuseErrors
    ) async throws -> StreamResult {
        try await LoadRun.closed(on: loop, count: count, window: window) { number, done in
            self.connection(for: lane(number)).send(make(number)) { reply in
                switch reply {
                case .success(let value): done(check(number, value))
                case .failure(let error): done(error.description)
                }
            }
        }
    }

    package static let refuseErrors: Check = { _, reply in
        if case .error(let text) = reply { text } else { nil }
    }
}
