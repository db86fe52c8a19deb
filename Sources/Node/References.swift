internal import Messages
internal import Model
internal import NIOCore
internal import Partitions

/// Finds out what a command must know of other partitions before it enters the log: whether users exist, who wrote
/// tweets. Confined to its host's event loop.
final class References {
    private static let patience = TimeAmount.seconds(1)

    private let ask: (PartitionID, Query, NIODeadline, @escaping (Result<Answer, Refusal>) -> Void) -> Void

    /// - Parameter ask: puts a query to whichever node serves a partition.
    init(ask: @escaping (PartitionID, Query, NIODeadline, @escaping (Result<Answer, Refusal>) -> Void) -> Void) {
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
        case .follow(let edge):
            requireUser(edge.author, command, for: partition, completion)
        case .unfollow(let edge):
            requireUser(edge.author, command, for: partition, completion)
        case .postTweet(let post):
            resolve(post, in: partition.layout, completion)
        case .deleteTweet(let deletion):
            requireOwnTweet(deletion, in: partition.layout, completion)
        default: completion(.success(command))
        }
    }

    private func requireUser(
        _ user: UserID,
        _ command: Command,
        for partition: Partition,
        _ completion: @escaping (Result<Command, Refusal>) -> Void
    ) {
        let owner = partition.layout.partition(of: user)
        ask(owner, .existence(users: [user], tweets: []), .now() + References.patience) { result in
            completion(
                result.flatMap { answer in
                    guard case .existence(let users, _) = answer else { return .failure(References.strange) }
                    return users.contains(user) ? .success(command) : .failure(.notFound(user))
                }
            )
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
        ask(owner, .existence(users: [], tweets: [tweet]), .now() + References.patience) { result in
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
