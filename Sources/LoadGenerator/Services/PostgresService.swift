package import Client
package import NIOCore

/// PostgreSQL as people build timelines on it: either an indexed query over tweets and follows at every read, or a table
/// of every home list's entries that a post fills with one statement.
///
/// Everything is prepared, in binary, and pipelined over as many connections as are given.
package final class PostgresService: TimelineService {
    package enum Timelines: String, Sendable {
        /// The newest of every followee's tweets, found through the index and joined at each read.
        case pull
        /// One row for every follower and tweet.
        case push
    }

    package let name: String
    package let promise: String
    package let loop: any EventLoop
    private let connections: [NIOLoopBound<PostgresConnection>]
    private let timelines: Timelines

    package init(
        name: String,
        promise: String,
        timelines: Timelines,
        connections: [NIOLoopBound<PostgresConnection>],
        loop: any EventLoop
    ) {
        self.name = name
        self.promise = promise
        self.timelines = timelines
        self.connections = connections
        self.loop = loop
    }

    /// Connects to a database of this service's own and prepares the statements.
    package static func connect(
        host: String,
        port: Int,
        name: String,
        promise: String,
        timelines: Timelines,
        connections count: Int,
        loop: any EventLoop
    ) async throws -> PostgresService {
        var connections: [NIOLoopBound<PostgresConnection>] = []
        for _ in 0..<count {
            connections.append(
                try await PostgresConnection.connect(
                    host: host,
                    port: port,
                    user: "postgres",
                    database: timelines.rawValue,
                    on: loop
                )
            )
        }
        for statement in schema {
            _ = try await connections[0].rows { $0.query(statement, $1) }
        }
        for connection in connections {
            for (name, text) in statements(timelines) {
                _ = try await connection.rows { $0.prepare(name, text, $1) }
            }
        }
        return PostgresService(
            name: name,
            promise: promise,
            timelines: timelines,
            connections: connections,
            loop: loop
        )
    }

    // A user follows themselves here, so that both kinds of timelines find their own tweets without a special case.
    private static let schema = [
        "CREATE TABLE IF NOT EXISTS users (id int8 PRIMARY KEY, name text NOT NULL)",
        """
        CREATE TABLE IF NOT EXISTS follows (
            follower int8 NOT NULL, author int8 NOT NULL, PRIMARY KEY (follower, author))
        """,
        "CREATE INDEX IF NOT EXISTS followers ON follows (author, follower)",
        """
        CREATE TABLE IF NOT EXISTS tweets (
            id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY, author int8 NOT NULL, body text NOT NULL)
        """,
        "CREATE INDEX IF NOT EXISTS by_author ON tweets (author, id DESC)",
        "CREATE TABLE IF NOT EXISTS home (reader int8 NOT NULL, tweet int8 NOT NULL, PRIMARY KEY (reader, tweet))",
    ]

    private static func statements(_ timelines: Timelines) -> [(name: String, text: String)] {
        // The newest of each followee through the index, not a sort of all their tweets.
        let pulled = """
            SELECT t.id FROM follows f CROSS JOIN LATERAL (
                SELECT id FROM tweets WHERE author = f.author AND id > $3 ORDER BY id DESC LIMIT $2::int8 + $4::int8) t
            WHERE f.follower = $1 ORDER BY t.id DESC LIMIT $2 OFFSET $4
            """
        let pushed = """
            SELECT tweet AS id FROM home WHERE reader = $1 AND tweet > $3 ORDER BY tweet DESC LIMIT $2 OFFSET $4
            """
        let page = timelines == .pull ? pulled : pushed
        let insert = "INSERT INTO tweets (author, body) VALUES ($1, $2) RETURNING id"
        return [
            (
                "user",
                """
                WITH u AS (INSERT INTO users (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING)
                INSERT INTO follows (follower, author) VALUES ($1, $1) ON CONFLICT DO NOTHING
                """
            ),
            ("follow", "INSERT INTO follows (follower, author) VALUES ($1, $2) ON CONFLICT DO NOTHING"),
            ("follows", "INSERT INTO follows SELECT * FROM unnest($1::int8[], $2::int8[]) ON CONFLICT DO NOTHING"),
            (
                "post",
                timelines == .pull
                    ? insert
                    : """
                    WITH t AS (\(insert)), h AS (
                        INSERT INTO home SELECT f.follower, t.id FROM t, follows f WHERE f.author = $1)
                    SELECT id FROM t
                    """
            ),
            ("page", page),
            (
                "texts",
                "SELECT p.id, t.body FROM (\(page)) p JOIN tweets t ON t.id = p.id ORDER BY p.id DESC"
            ),
            ("authored", "SELECT id FROM tweets WHERE author = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"),
        ]
    }

    package func load(_ graph: StandardGraph) async throws -> Double? {
        let edges =
            graph.interleavedEdges.map { (Int64($0.follower), Int64($0.author)) }
            + (0..<graph.users).map { (Int64($0), Int64($0)) }
        let size = 10_000
        let loaded = try await LoadRun.closed(on: loop, count: (edges.count + size - 1) / size, window: 2) {
            number,
            done in
            let part = edges[(number * size)..<min(edges.count, (number + 1) * size)]
            let parameters: [PostgresConnection.Parameter] = [
                .integers(part.map(\.0)), .integers(part.map(\.1)),
            ]
            self.connections[number % 2].value.execute("follows", parameters) { result in
                if case .failure(let error) = result { done(error.description) } else { done(nil) }
            }
        }
        guard loaded.errorCount == 0 else { throw ClientError.refused(loaded.errors.joined(separator: "; ")) }
        _ = try await connections[0].rows { $0.query("VACUUM ANALYZE follows", $1) }
        return Double(edges.count) / max(loaded.seconds, 1e-9)
    }

    /// Plans are made for tables as they are, not as they were when they were empty.
    package func settle() async throws {
        for table in ["follows", "tweets", "home"] {
            _ = try await connections[0].rows { $0.query("VACUUM ANALYZE \(table)", $1) }
        }
    }

    package func perform(_ operation: Operation, _ completion: @escaping Completion) {
        let connection = connections[operation.actor % connections.count].value
        switch operation {
        case .createUser(let user):
            connection.execute("user", [.integer(Int64(user)), .text("u\(user)")]) { result in
                completion(result.map { _ in .done })
            }
        case .follow(let follower, let author):
            connection.execute("follow", [.integer(Int64(follower)), .integer(Int64(author))]) { result in
                completion(result.map { _ in .done })
            }
        case .post(let author, let text):
            connection.execute("post", [.integer(Int64(author)), .text(text)]) { result in
                completion(
                    result.flatMap { rows in
                        guard let id = PostgresService.ids(rows).first else {
                            return .failure(.protocolViolation("a post without an id"))
                        }
                        return .success(.posted(id))
                    }
                )
            }
        case .home(let reader, let skip, let count, let texts):
            page(reader, skip, count, since: 0, texts ? "texts" : "page", connection, completion)
        case .check(let reader, .number(let since)):
            page(reader, 0, 50, since: since, "page", connection, completion)
        case .check(let reader, _): page(reader, 0, 50, since: 0, "page", connection, completion)
        case .userTimeline(let author, let skip, let count):
            let parameters = [author, count, skip].map { PostgresConnection.Parameter.integer(Int64($0)) }
            connection.execute("authored", parameters) { result in
                completion(result.map { .page(PostgresService.ids($0), texts: [], next: nil) })
            }
        }
    }

    private func page(
        _ reader: Int,
        _ skip: Int,
        _ count: Int,
        since: UInt64,
        _ statement: String,
        _ connection: PostgresConnection,
        _ completion: @escaping Completion
    ) {
        let parameters: [PostgresConnection.Parameter] = [
            .integer(Int64(reader)), .integer(Int64(count)), .integer(Int64(since)),
            .integer(Int64(skip)),
        ]
        connection.execute(statement, parameters) { result in
            completion(
                result.map { rows in
                    let ids = PostgresService.ids(rows)
                    let texts = rows.compactMap { $0.count > 1 ? $0[1].map { String(buffer: $0) } : nil }
                    return .page(ids, texts: texts, next: .number(ids.first ?? since))
                }
            )
        }
    }

    private static func ids(_ rows: PostgresConnection.Rows) -> [UInt64] {
        rows.compactMap { row in
            row.first.flatMap { $0 }.flatMap { $0.getInteger(at: $0.readerIndex, as: UInt64.self) }
        }
    }
}
