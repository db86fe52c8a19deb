internal import Client
package import NIOCore

/// Redis as most people distribute timelines with it: a list per reader, to which a post is appended for every follower.
///
/// The client does it as well as a client can: it knows every author's followers without asking, has the start of every
/// follower's append command encoded, pipelines all writes over one connection (which keeps the lists in the order of the
/// ids) and reads over another (which do not wait behind an author's million appends), and trims a list only when the answer
/// to an append says that it has become too long.
package final class RedisService: TimelineService {
    /// How a post reaches the followers' lists.
    package enum Push: String, Sendable {
        /// One append for each follower, sent by the client.
        case client
        /// One script in the server, which reads the followers from a list of its own.
        case script
    }

    private static let cap = 800
    /// A list may grow by so much beyond `cap` before it is trimmed.
    private static let slack = 200

    package let name: String
    package let promise: String
    package var loop: any EventLoop { stream.loop }
    private let stream: CommandStream
    private let push: Push
    private let state: NIOLoopBoundBox<State>

    /// Confined to the loop.
    private final class State {
        var followers: [[Int32]] = []
        /// The start of the append to each reader's list: everything but the id.
        var appends: [[UInt8]] = []
        /// Edges that workloads add, follower and author in one: a list must not get the same tweet twice.
        var added: Set<UInt64> = []
        var lastID: UInt64 = 0
        var scriptDigest = ""
        /// Followers of users with ids far above the others', whom workloads add.
        var followersOfOthers: [Int: [Int32]] = [:]
        /// How many of each author's followers, the first ones, are the graph's.
        var graphFollowers: [Int] = []

        func add(_ user: Int) {
            if user > followers.count + 4_096 {
                followersOfOthers[user] = []
                return
            }
            while followers.count <= user {
                appends.append(RedisService.append(to: followers.count))
                followers.append([])
            }
        }

        func isKnown(_ user: Int) -> Bool { user < followers.count || followersOfOthers[user] != nil }

        func followers(of author: Int) -> [Int32] {
            author < followers.count ? followers[author] : followersOfOthers[author] ?? []
        }

        func add(follower: Int, of author: Int) {
            if author < followers.count {
                followers[author].append(Int32(follower))
            } else {
                followersOfOthers[author]?.append(Int32(follower))
            }
        }

        func append(to reader: Int) -> [UInt8] {
            reader < appends.count ? appends[reader] : RedisService.append(to: reader)
        }

        func isInGraph(_ follower: Int, _ author: Int) -> Bool {
            guard author < graphFollowers.count else { return false }
            let known = followers[author].prefix(graphFollowers[author])
            var low = known.startIndex
            var high = known.endIndex
            while low < high {
                let middle = (low + high) / 2
                if known[middle] < Int32(follower) { low = middle + 1 } else { high = middle }
            }
            return low < known.endIndex && known[low] == Int32(follower)
        }
    }

    /// How many connections a stream has: one for writes, one for reads, one for posts to very many.
    package static let connections = 3
    /// Of so many readers: no other post waits behind that. Whoever follows such an author may see two posts of one moment in either
    /// order; those of the standard graph have fewer followers.
    private static let veryMany = 50_000
    /// So many appends are written at a time, with input and output in between.
    private static let appendsAtOnce = 10_000

    /// - Parameter stream: of `connections` connections.
    package init(stream: CommandStream, name: String, promise: String, push: Push) {
        self.stream = stream
        self.name = name
        self.promise = promise
        self.push = push
        state = .makeBoxSendingValue(State(), eventLoop: stream.loop)
    }

    package func load(_ graph: StandardGraph) async throws -> Double? {
        let digest = try await stream.ask(["SCRIPT", "LOAD", RedisService.script]).string ?? ""
        let last = try await stream.ask(["GET", "last"]).string.flatMap { UInt64($0) } ?? 0
        let followers = graph.followers
        try await loop.submit {
            self.state.value.scriptDigest = digest
            self.state.value.lastID = last
            self.state.value.followers = followers
            self.state.value.graphFollowers = followers.map(\.count)
            self.state.value.appends = (0..<graph.users).map { RedisService.append(to: $0) }
        }.get()
        // What the client knows is no figure of the server's.
        guard push == .script else { return nil }
        _ = try await stream.closed(count: graph.users, window: 256) { ["DEL", "f:\($0)"] }
        let result = try await stream.closed(count: graph.users, window: 256) { user in
            let all = [Int32(user)] + followers[user]
            return ["RPUSH", "f:\(user)"] + all.map { String($0) }
        }
        guard result.errorCount == 0 else { throw ClientError.refused(result.errors.joined(separator: "; ")) }
        return nil
    }

    package func settle() async throws {
        _ = try await stream.ask(["SET", "last", String(loop.submit { self.state.value.lastID }.get())])
    }

    package func perform(_ operation: Operation, _ completion: @escaping Completion) {
        let (writes, reads) = (stream.connection(for: 0), stream.connection(for: 1))
        switch operation {
        case .createUser(let user): create(user, writes, completion)
        case .follow(let follower, let author): follow(follower, author, writes, completion)
        case .post(let author, let text): post(author, text, writes, completion)
        case .home(let reader, let skip, let count, false): read("h:\(reader)", skip, count, reads, completion)
        case .home(let reader, let skip, let count, true): readTexts(reader, skip, count, reads, completion)
        case .check(let reader, .number(let seen)):
            readNew(reader, RedisReadMark(packed: seen), reads, completion)
        case .check(let reader, .position), .check(let reader, nil): readNewest(reader, reads, completion)
        case .userTimeline(let author, let skip, let count): read("u:\(author)", skip, count, reads, completion)
        }
    }

    // MARK: Writing

    private static let script = """
        local followers = redis.call('LRANGE', KEYS[1], 0, -1)
        for _, follower in ipairs(followers) do
            local key = 'h:' .. follower
            if redis.call('RPUSH', key, ARGV[1]) > \(cap + slack) then redis.call('LTRIM', key, -\(cap), -1) end
        end
        return #followers
        """

    fileprivate static func append(to user: Int) -> [UInt8] {
        let key = "h:\(user)"
        return Array("*3\r\n$5\r\nRPUSH\r\n$\(key.utf8.count)\r\n\(key)\r\n".utf8)
    }

    private func create(_ user: Int, _ connection: Connection, _ completion: @escaping Completion) {
        state.value.add(user)
        if push == .script { connection.send(["RPUSH", "f:\(user)", String(user)]) { _ in } }
        connection.send(["HSET", "user:\(user)", "name", "u\(user)"]) { completion(RedisService.done($0)) }
    }

    private func follow(_ follower: Int, _ author: Int, _ connection: Connection, _ completion: @escaping Completion) {
        let state = state.value
        guard state.isKnown(author) else { return completion(.failure(.refused("no user \(author)"))) }
        // The graph's own edges are sorted; what workloads add is looked up.
        let isNew = state.added.insert(UInt64(follower) << 32 | UInt64(author)).inserted
        guard isNew, !state.isInGraph(follower, author) else {
            connection.send(["PING"]) { completion(RedisService.done($0)) }
            return
        }
        state.add(follower: follower, of: author)
        connection.send(["RPUSH", "f:\(author)", String(follower)]) { completion(RedisService.done($0)) }
    }

    private func post(_ author: Int, _ text: String, _ connection: Connection, _ completion: @escaping Completion) {
        let state = state.value
        state.lastID += 1
        let id = String(state.lastID)
        let own = [["SET", "t:\(id)", text], ["RPUSH", "u:\(author)", id]]
        let targets = push == .client ? state.followers(of: author) : []
        var left = own.count + 1 + targets.count
        let number = state.lastID
        var problem: ClientError?
        let answered: Connection.Completion = { reply in
            if case .failure(let error) = RedisService.done(reply) { problem = error }
            left -= 1
            if left == 0 { completion(problem.map { .failure($0) } ?? .success(.posted(number))) }
        }
        connection.write(replies: own.count, answered) { buffer in
            for words in own { Connection.encode(words, into: &buffer) }
        }
        if push == .script {
            connection.send(["EVALSHA", state.scriptDigest, "1", "f:\(author)", id], completion: answered)
            return
        }
        let readers = [Int32(author)] + targets
        if readers.count > RedisService.veryMany {
            append(id, to: readers[...], RedisService.appendsAtOnce, stream.connection(for: 2), answered)
        } else {
            append(id, to: readers[...], readers.count, connection, answered)
        }
    }

    /// - Parameter most: so many at a time.
    private func append(
        _ id: String,
        to readers: ArraySlice<Int32>,
        _ most: Int,
        _ connection: Connection,
        _ answered: @escaping Connection.Completion
    ) {
        let state = state.value
        let argument = "$\(id.utf8.count)\r\n\(id)\r\n"
        let piece = readers.prefix(most)
        var next = piece.startIndex
        connection.write(replies: piece.count) { reply in
            let reader = piece[next]
            next += 1
            if case .success(.integer(let length)) = reply, length > RedisService.cap + RedisService.slack {
                connection.send(["LTRIM", "h:\(reader)", String(-RedisService.cap), "-1"]) { _ in }
            }
            answered(reply)
        } encode: { buffer in
            for reader in piece {
                buffer.writeBytes(state.append(to: Int(reader)))
                buffer.writeString(argument)
            }
        }
        let rest = readers.dropFirst(piece.count)
        guard !rest.isEmpty else { return }
        loop.assumeIsolated().scheduleTask(in: .microseconds(100)) {
            self.append(id, to: rest, most, connection, answered)
        }
    }

    private static func done(_ reply: Result<Reply, ClientError>) -> Result<Outcome, ClientError> {
        reply.flatMap { if case .error(let text) = $0 { .failure(.refused(text)) } else { .success(.done) } }
    }

    // MARK: Reading

    private func read(
        _ key: String,
        _ skip: Int,
        _ count: Int,
        _ connection: Connection,
        _ completion: @escaping Completion
    ) {
        connection.send(["LRANGE", key, String(-skip - count), String(-skip - 1)]) { reply in
            completion(
                reply.flatMap { RedisService.ids($0) }.map { .page($0.reversed(), texts: [], next: nil) }
            )
        }
    }

    /// One command that reads the list and every text.
    private func readTexts(
        _ reader: Int,
        _ skip: Int,
        _ count: Int,
        _ connection: Connection,
        _ completion: @escaping Completion
    ) {
        let words = [
            "SORT", "h:\(reader)", "BY", "nosort", "DESC", "LIMIT", String(skip), String(count), "GET", "#", "GET",
            "t:*",
        ]
        connection.send(words) { reply in
            completion(
                reply.flatMap { value in
                    guard let items = value.array else { return .failure(.protocolViolation("unexpected \(value)")) }
                    let ids = stride(from: 0, to: items.count, by: 2).compactMap { items[$0].string }
                        .compactMap { UInt64($0) }
                    let texts = stride(from: 1, to: items.count, by: 2).compactMap { items[$0].string }
                    return .success(.page(ids, texts: texts, next: nil))
                }
            )
        }
    }

    /// A reader's first page, and how long the list is.
    private func readNewest(_ reader: Int, _ connection: Connection, _ completion: @escaping Completion) {
        read(reader, from: -50, after: 0, connection, completion)
    }

    /// What was appended behind the part that the reader has seen. The last entry of that is read again: where another one is in
    /// its place, the list was trimmed meanwhile, and is read whole.
    private func readNew(
        _ reader: Int,
        _ mark: RedisReadMark,
        _ connection: Connection,
        _ completion: @escaping Completion
    ) {
        guard mark.length > 0 else { return read(reader, from: 0, after: mark.last, connection, completion) }
        connection.send(["LRANGE", "h:\(reader)", String(mark.length - 1), "-1"]) { reply in
            switch reply.flatMap({ RedisService.ids($0) }) {
            case .failure(let error): completion(.failure(error))
            case .success(let ids) where ids.first == mark.last:
                let next = RedisReadMark(length: mark.length - 1 + UInt64(ids.count), last: ids.last ?? mark.last)
                completion(.success(.page(ids.dropFirst().reversed(), texts: [], next: .number(next.packed))))
            case .success: self.read(reader, from: 0, after: mark.last, connection, completion)
            }
        }
    }

    /// The entries from a place on that came after one, with where the next read goes on.
    private func read(
        _ reader: Int,
        from first: Int,
        after last: UInt64,
        _ connection: Connection,
        _ completion: @escaping Completion
    ) {
        var length: UInt64 = 0
        connection.send(["LLEN", "h:\(reader)"]) { reply in
            if case .success(.integer(let value)) = reply { length = UInt64(max(0, value)) }
        }
        connection.send(["LRANGE", "h:\(reader)", String(first), "-1"]) { reply in
            completion(
                reply.flatMap { RedisService.ids($0) }
                    .map { ids in
                        let next = RedisReadMark(length: length, last: ids.last ?? last)
                        return .page(ids.filter { $0 > last }.reversed(), texts: [], next: .number(next.packed))
                    }
            )
        }
    }

    private static func ids(_ reply: Reply) -> Result<[UInt64], ClientError> {
        if case .error(let text) = reply { return .failure(.refused(text)) }
        guard let items = reply.array else { return .failure(.protocolViolation("unexpected \(reply)")) }
        return .success(items.compactMap { $0.string.flatMap { UInt64($0) } })
    }
}
