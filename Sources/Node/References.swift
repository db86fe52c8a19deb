internal import Messages
internal import Model
internal import NIOCore
internal import Partitions

/// Finds out what a command must know of other partitions before it enters the log: whether users exist, who wrote
/// tweets. Confined to its host's event loop.
final class References {
    typealias Results = [Result<Answer, Refusal>]

    private static let patience = TimeAmount.seconds(1)

    private let ask: ([PartitionQuery], NIODeadline, @escaping (Results) -> Void) -> Void

    /// - Parameter ask: puts queries to whichever nodes serve their partitions; each has a result of its own.
    init(ask: @escaping ([PartitionQuery], NIODeadline, @escaping (Results) -> Void) -> Void) {
        self.ask = ask
    }

    /// Gives `completion` the command with everything filled in, or why it is refused. At once where nothing needs
    /// to be asked.
    func resolve(
        _ command: Command,
        for partition: Partition,
        completion: @escaping (Result<Command, Refusal>) -> Void
    ) {
        switch command {
        case .follow(let follow):
            find(follow.authors.map(\.author), in: partition.layout) { result in
                completion(
                    result.map { found in
                        var resolved = follow
                        resolved.authors = zip(follow.authors, found).map {
                            FollowedAuthor($0.author, since: $0.since, hasPosted: $1.hasPosted)
                        }
                        return .follow(resolved)
                    }
                )
            }
        case .unfollow(let edge):
            find([edge.author], in: partition.layout) { result in completion(result.map { _ in command }) }
        case .postTweet(let post):
            resolve(post, in: partition.layout, completion)
        case .deleteTweet(let deletion):
            requireOwnTweet(deletion, in: partition.layout, completion)
        default: completion(.success(command))
        }
    }

    /// What is known of users, in their order; refused where one of them does not exist.
    private func find(
        _ users: [UserID],
        in layout: PartitionLayout,
        _ completion: @escaping (Result<[KnownUser], Refusal>) -> Void
    ) {
        let queries = Dictionary(grouping: users) { layout.partition(of: $0) }.map {
            PartitionQuery(partition: $0.key, query: .existence(users: $0.value, tweets: []))
        }
        ask(queries, .now() + References.patience) { results in
            var known: [UserID: KnownUser] = [:]
            var found: [KnownUser] = []
            do throws(Refusal) {
                for result in results {
                    guard case .existence(let answered, _) = try result.get() else { throw References.strange }
                    for user in answered {
                        known[user.id] = user
                    }
                }
                for id in users {
                    guard let user = known[id] else { throw .notFound(id) }
                    found.append(user)
                }
            } catch {
                return completion(.failure(error))
            }
            completion(.success(found))
        }
    }

    private func resolve(
        _ post: PostTweet,
        in layout: PartitionLayout,
        _ completion: @escaping (Result<Command, Refusal>) -> Void
    ) {
        guard let parent = post.replyTo else { return requireQuoted(post, in: layout, completion) }
        author(of: parent, in: layout) { result in
            switch result {
            case .success(let author):
                var resolved = post
                resolved.replyToAuthor = author
                self.requireQuoted(resolved, in: layout, completion)
            case .failure(let refusal): completion(.failure(refusal))
            }
        }
    }

    private func requireQuoted(
        _ post: PostTweet,
        in layout: PartitionLayout,
        _ completion: @escaping (Result<Command, Refusal>) -> Void
    ) {
        guard let quote = post.quote else { return completion(.success(.postTweet(post))) }
        author(of: quote, in: layout) { result in
            completion(result.map { _ in .postTweet(post) })
        }
    }

    /// A tweet of another partition is somebody else's, if there is one.
    private func requireOwnTweet(
        _ deletion: DeleteTweet,
        in layout: PartitionLayout,
        _ completion: @escaping (Result<Command, Refusal>) -> Void
    ) {
        guard let owner = layout.partition(of: deletion.tweet), owner != layout.partition(of: deletion.author) else {
            return completion(.success(.deleteTweet(deletion)))
        }
        author(of: deletion.tweet, in: layout) { result in
            switch result {
            case .success:
                completion(
                    .failure(.forbidden("tweet \(deletion.tweet) is not by user \(deletion.author)"))
                )
            case .failure(let refusal) where refusal.code == .notFound: completion(.success(.deleteTweet(deletion)))
            case .failure(let refusal): completion(.failure(refusal))
            }
        }
    }

    private func author(
        of tweet: TweetID,
        in layout: PartitionLayout,
        _ completion: @escaping (Result<UserID, Refusal>) -> Void
    ) {
        guard let owner = layout.partition(of: tweet) else { return completion(.failure(.notFound(tweet))) }
        let query = PartitionQuery(partition: owner, query: .existence(users: [], tweets: [tweet]))
        ask([query], .now() + References.patience) { results in
            let result = results.first ?? .failure(References.strange)
            completion(
                result.flatMap { answer in
                    guard case .existence(_, let authors) = answer else { return .failure(References.strange) }
                    guard let first = authors.first, let author = first else { return .failure(.notFound(tweet)) }
                    return .success(author)
                }
            )
        }
    }

    private static let strange = Refusal.unavailable("another partition's answer cannot be understood")
}
