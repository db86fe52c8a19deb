package import NIOCore

/// What people distribute timelines with today, set up as its users set it up.
package enum Opponent: String, CaseIterable, Sendable {
    /// Redis without any persistence.
    case redis
    /// The same, with the followers in the server and a script that pushes.
    case redisScript = "redis-script"
    /// Redis with an append-only file synced every second, and one replica.
    case redisDurable = "redis-durable"
    /// PostgreSQL, reading through the index.
    case postgresPull = "postgres-pull"
    /// PostgreSQL with a table of all home lists' entries.
    case postgresPush = "postgres-push"

    package var promise: String {
        switch self {
        case .redis: "in memory only, nothing survives the process"
        case .redisScript: "in memory only, nothing survives the process; one script call a post"
        case .redisDurable: "in memory; append-only file synced every second, a replica that is not waited for"
        case .postgresPull, .postgresPush: "synced to disk before the acknowledgement; rows and indexes on disk"
        }
    }

    package func connect(host: String, port: Int, on loop: any EventLoop) async throws -> any TimelineService {
        switch self {
        case .redis, .redisScript, .redisDurable:
            let stream = try await CommandStream.connect(
                host: host,
                port: port,
                password: nil,
                connections: RedisService.connections,
                loop: loop
            )
            return RedisService(
                stream: stream,
                name: rawValue,
                promise: promise,
                push: self == .redisScript ? .script : .client
            )
        case .postgresPull, .postgresPush:
            // Each connection is a process of the server's; commits of many are synced together.
            return try await PostgresService.connect(
                host: host,
                port: port,
                name: rawValue,
                promise: promise,
                timelines: self == .postgresPull ? .pull : .push,
                connections: 32,
                loop: loop
            )
        }
    }
}
