import Model
import Partitions
import Randomness

/// A fixed sequence of commands over two partitions, which stops at a crash, and what must be there afterwards.
struct CrashScenario {
    /// What commands came to.
    struct Expectation {
        var social = SocialModel(cap: 16)
        var names: [UserID: String] = [:]
        /// Posts that carried a key: a retry must answer the same.
        var keyed: [(command: PostTweet, tweet: TweetID)] = []
    }

    private static let users = (1...8).map { UserID(UInt64($0)) }

    let cluster: PartitionCluster
    private(set) var acknowledged = Expectation()
    /// With the command that the crash interrupted, which may have taken effect or not.
    private(set) var inDoubt = Expectation()
    private var random: SeededGenerator
    private var posts: [SocialModel.Post] = []
    private var step = 0

    init(cluster: PartitionCluster, seed: UInt64) {
        self.cluster = cluster
        random = SeededGenerator(seed: seed)
    }

    /// - Returns: whether it came to its end.
    mutating func run() -> Bool {
        do {
            for user in Self.users {
                try create(user)
            }
            for number in 0..<60 {
                step = number
                inDoubt = acknowledged
                try operate()
                acknowledged = inDoubt
                try readHomes()
                if step % 3 == 2, let stream = cluster.streams.randomElement(using: &random) {
                    try cluster.deliver(stream, limit: 3)
                    if step % 2 == 0 { try cluster.trim(stream) }
                }
                if step % 7 == 6 { try cluster.drainTails(limit: 2) }
                if step % 11 == 10 { try cluster.flush() }
            }
            return true
        } catch {
            return false
        }
    }

    private mutating func create(_ user: UserID) throws {
        inDoubt = acknowledged
        inDoubt.social.create(user)
        inDoubt.names[user] = "user\(user)"
        let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
        _ = try cluster.run(.createUser(command)).get()
        acknowledged = inDoubt
    }

    private mutating func operate() throws {
        let living = acknowledged.social.users.sorted()
        guard let user = living.randomElement(using: &random), let other = living.randomElement(using: &random)
        else { return }
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<5 where user != other:
            _ = inDoubt.social.follow(user, other)
            try apply(.follow(Follow(follower: user, author: other)), of: user)
        case 5..<8 where user != other:
            _ = inDoubt.social.unfollow(user, other)
            try apply(.unfollow(Unfollow(follower: user, author: other)), of: user)
        case 8..<11: try deletePost()
        case 11..<14: try rename(user)
        case 14 where living.count > 5:
            // Edges under way to and from the user are not modelled.
            try cluster.deliverEverything()
            inDoubt.social.delete(user)
            inDoubt.names[user] = nil
            inDoubt.keyed.removeAll { $0.command.author == user }
            guard try cluster.run(.deleteUser(DeleteUser(user: user))) == .success(.integer(1)) else { return }
            try cluster.deliverEverything()
        default: try post(by: user)
        }
    }

    /// Home lists are built, so that there are tails for the crash to take.
    private mutating func readHomes() throws {
        for user in acknowledged.social.users.sorted() where random.one(in: 2) {
            _ = try cluster.read(.home(HomeQuery(reader: user, count: 5)), in: cluster.layout.partition(of: user))
        }
    }

    private mutating func deletePost() throws {
        guard let post = posts.randomElement(using: &random), acknowledged.social.users.contains(post.author)
        else { return }
        _ = inDoubt.social.deletePost(post.id)
        try apply(.deleteTweet(DeleteTweet(author: post.author, tweet: post.id)), of: post.author)
    }

    private mutating func rename(_ user: UserID) throws {
        let name = "renamed\(user)x\(step)"
        inDoubt.names[user] = name
        _ = try cluster.run(.updateUser(UpdateUser(user: user, username: try Username(name)))).get()
    }

    private mutating func post(by user: UserID) throws {
        let isKeyed = Bool.random(using: &random)
        let command = PostTweet(
            author: user,
            text: "x",
            key: isKeyed ? try IdempotencyKey(Array("key \(step)".utf8)) : nil
        )
        let outcome = try cluster.apply(.postTweet(command), in: cluster.layout.partition(of: user))
        // The id is only known once the command is applied; if it is not, the test looks for any post.
        guard case .done(.tweetID(let id)) = outcome else { return }
        let post = SocialModel.Post(id: id, author: user, replyTo: nil, replyToAuthor: nil)
        inDoubt.social.post(post)
        if isKeyed { inDoubt.keyed.append((command, id)) }
        posts.append(post)
    }

    private func apply(_ command: Command, of user: UserID) throws {
        try cluster.apply(command, in: cluster.layout.partition(of: user))
    }

    // MARK: Comparing

    /// What the cluster has otherwise than expected; an interrupted post may be there besides.
    static func difference(of cluster: PartitionCluster, from expected: Expectation) throws -> String? {
        for user in users {
            let partition = cluster.layout.partition(of: user)
            guard case .success(.users(let views)) = try cluster.read(.users([user]), in: partition),
                let view = views.first
            else { return "user \(user) cannot be read" }
            guard let view, expected.social.users.contains(user) else {
                if (view != nil) != expected.social.users.contains(user) { return "user \(user)" }
                continue
            }
            guard let name = expected.names[user], view.username == name else { return "name of \(user)" }
            let owner = try cluster.read(.userNamed(name), in: cluster.layout.partition(ofFoldedName: name))
            guard owner == .success(.userID(user)) else { return "owner of \(name): \(owner)" }
            if let difference = try difference(ofListsOf: user, view, cluster, expected.social) { return difference }
        }
        // Retried, so last: a command that is not remembered would be carried out again.
        for (command, tweet) in expected.keyed {
            let partition = cluster.layout.partition(of: command.author)
            let outcome = try cluster.apply(.postTweet(command), in: partition)
            if outcome != .done(.tweetID(tweet)) { return "a retry of \(tweet) came to \(outcome)" }
        }
        return nil
    }

    private static func difference(
        ofListsOf user: UserID,
        _ view: User,
        _ cluster: PartitionCluster,
        _ model: SocialModel
    ) throws -> String? {
        let partition = cluster.layout.partition(of: user)
        guard
            case .success(.edges(let following)) = try cluster.read(
                .following(user, count: 100, after: nil),
                in: partition
            ),
            case .success(.edges(let followers)) = try cluster.read(
                .followers(user, count: 100, after: nil),
                in: partition
            ),
            case .success(.timeline(let posts)) = try cluster.read(
                .userTimeline(user, count: 100, before: nil, withTexts: false),
                in: partition
            ),
            case .success(.home(let home, _, _)) = try cluster.read(
                .home(HomeQuery(reader: user, count: 100)),
                in: partition
            )
        else { return "lists of \(user) cannot be read" }
        let known = Set(model.posts.keys)
        if following.items != (model.following[user] ?? []).reversed() { return "following of \(user)" }
        if Set(followers.items) != model.followers(of: user) { return "followers of \(user)" }
        if view.followers != UInt64(followers.items.count) { return "count of followers of \(user)" }
        if view.following != UInt64(following.items.count) { return "count of following of \(user)" }
        if posts.items.filter({ known.contains($0) }) != model.posts(of: user) { return "posts of \(user)" }
        if home.items.filter({ known.contains($0) }) != model.home(user) { return "home of \(user)" }
        if posts.items.count > model.posts(of: user).count + 1 { return "more posts of \(user) than were made" }
        return nil
    }
}
