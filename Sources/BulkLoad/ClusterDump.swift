internal import Client
package import Foundation
package import LoadGenerator

/// Writes everything that a cluster has as JSON lines that `BulkLoader` reads back: all users, then all follows, then
/// all tweets. What changes meanwhile may be in it or not.
package struct ClusterDump: Sendable {
    package struct Summary: Sendable {
        package var users = 0
        package var follows = 0
        package var tweets = 0
    }

    fileprivate enum Kind: String {
        case users = "USERS"
        case follows = "FOLLOWS"
        case tweets = "TWEETS"
    }

    private static let partitionsAtOnce = 4

    private let stream: CommandStream
    private let output: Output

    package init(stream: CommandStream, output: FileHandle) {
        self.stream = stream
        self.output = Output(file: output)
    }

    /// Where partitions that are read at the same time write: a page of one, then a page of another.
    private actor Output {
        private let file: FileHandle

        init(file: FileHandle) {
            self.file = file
        }

        func write(_ page: Data) throws {
            try file.write(contentsOf: page)
        }
    }

    package func write() async throws -> Summary {
        guard case .integer(let partitions)? = try await stream.askPatiently(["CLUSTER.INFO"])["partitions"],
            partitions >= 0
        else {
            throw ClientError.disconnected("CLUSTER.INFO does not say how many partitions there are")
        }
        var summary = Summary()
        summary.users = try await write(.users, partitions: Int(partitions))
        summary.follows = try await write(.follows, partitions: Int(partitions))
        summary.tweets = try await write(.tweets, partitions: Int(partitions))
        return summary
    }

    /// - Returns: how many items there were.
    private func write(_ kind: Kind, partitions: Int) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            var total = 0
            for partition in 0..<partitions {
                if partition >= ClusterDump.partitionsAtOnce { total += try await group.next() ?? 0 }
                group.addTask { try await write(kind, of: partition) }
            }
            for try await count in group {
                total += count
            }
            return total
        }
    }

    private func write(_ kind: Kind, of partition: Int) async throws -> Int {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var count = 0
        var cursor = ""
        repeat {
            let reply = try await stream.askPatiently([
                "DUMP.PARTITION", String(partition), kind.rawValue, "CURSOR", cursor,
            ])
            guard case .array(let page) = reply, page.count == 2, let next = page[0].string,
                case .array(let items) = page[1]
            else { throw ClientError.disconnected("DUMP.PARTITION \(partition): a page cannot be understood") }
            var lines = Data()
            for item in items {
                guard let line = DumpLine(item, kind) else {
                    throw ClientError.disconnected("DUMP.PARTITION \(partition): an item cannot be understood")
                }
                lines.append(try encoder.encode(line))
                lines.append(UInt8(ascii: "\n"))
            }
            try await output.write(lines)
            count += items.count
            cursor = next
        } while !cursor.isEmpty
        return count
    }
}

extension DumpLine {
    fileprivate init?(_ item: Reply, _ kind: ClusterDump.Kind) {
        func id(_ field: String) -> Identifier? { item[field]?.string.flatMap { Identifier($0) } }
        func number(_ field: String) -> UInt64? { item[field]?.string.flatMap { UInt64($0) } }
        switch kind {
        case .users:
            guard let user = id("id"), let username = item["username"]?.string, let name = item["name"]?.string,
                let bio = item["bio"]?.string, let createdAt = number("createdAt")
            else { return nil }
            self.init(.user(UserLine(id: user, username: username, name: name, bio: bio, createdAt: createdAt)))
        case .follows:
            guard let follower = id("follower"), let author = id("author"), let since = number("since") else {
                return nil
            }
            self.init(.follow(FollowLine(follower: follower, author: author, since: since)))
        case .tweets:
            guard let tweet = id("id"), let author = id("author"), let text = item["text"]?.string else { return nil }
            self.init(
                .tweet(
                    TweetLine(
                        id: tweet,
                        author: author,
                        text: text,
                        replyTo: id("replyTo"),
                        replyToAuthor: id("replyToAuthor"),
                        quote: id("quoteOf")
                    )
                )
            )
        }
    }
}
