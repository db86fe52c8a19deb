import Log
import Model
import Partitions
import TestSupport
import Testing

/// Two partitions over a log on a file system that forgets, crashed at every write and sync: what was acknowledged
/// is there, mail is neither lost nor taken twice.
@Suite struct CrashTests {
    /// A fixed sequence of commands; stops at the crash.
    private struct Scenario {
        let cluster: PartitionCluster
        var acknowledged = SocialModel(cap: 16)
        /// With the command that the crash interrupted, which may have taken effect or not.
        var inDoubt = SocialModel(cap: 16)
        private var random: SeededGenerator
        private var posts: [SocialModel.Post] = []
        private var created: [UserID] = []

        init(cluster: PartitionCluster, seed: UInt64) {
            self.cluster = cluster
            random = SeededGenerator(seed: seed)
        }

        /// - Returns: whether it came to its end.
        mutating func run() -> Bool {
            do {
                for number in 1...6 {
                    try create(UserID(UInt64(number)))
                }
                for step in 0..<45 {
                    try operate()
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
            inDoubt.create(user)
            let command = CreateUser(username: try Username("user\(user)"), requestedID: user, displayName: nil)
            guard case .success = try cluster.run(.createUser(command)) else { return }
            acknowledged = inDoubt
            created.append(user)
        }

        private mutating func operate() throws {
            let user = UserID(UInt64.random(in: 1...6, using: &random))
            let other = UserID(UInt64.random(in: 1...6, using: &random))
            inDoubt = acknowledged
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where user != other:
                _ = inDoubt.follow(user, other)
                try apply(.follow(Follow(follower: user, author: other)), of: user)
            case 1 where user != other:
                _ = inDoubt.unfollow(user, other)
                try apply(.unfollow(Unfollow(follower: user, author: other)), of: user)
            case 2:
                guard let post = posts.randomElement(using: &random) else { return }
                _ = inDoubt.deletePost(post.id)
                try apply(.deleteTweet(DeleteTweet(author: post.author, tweet: post.id)), of: post.author)
            default:
                let partition = cluster.layout.partition(of: user)
                // The id is only known once the command is applied; if it is not, the test looks for any post.
                guard
                    case .done(.tweetID(let id)) = try cluster.apply(
                        .postTweet(PostTweet(author: user, text: "x")),
                        in: partition
                    )
                else { return }
                let post = SocialModel.Post(id: id, author: user, replyTo: nil, replyToAuthor: nil)
                inDoubt.post(post)
                posts.append(post)
            }
            acknowledged = inDoubt
        }

        private func apply(_ command: Command, of user: UserID) throws {
            try cluster.apply(command, in: cluster.layout.partition(of: user))
        }
    }

    private static func settings() -> PartitionSettings {
        var settings = PartitionSettings()
        settings.listCap = 16
        return settings
    }

    /// Whether everything is as a model has it; an interrupted post may be there besides.
    private static func agrees(_ cluster: PartitionCluster, with model: SocialModel) throws -> Bool {
        for user in (1...6).map({ UserID(UInt64($0)) }) where model.users.contains(user) {
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
                ),
                case .success(.users(let views)) = try cluster.read(.users([user]), in: partition),
                let first = views.first, let view = first
            else { return false }
            let known = Set(model.posts.keys)
            guard following.items == (model.following[user] ?? []).reversed(),
                Set(followers.items) == model.followers(of: user),
                view.followers == UInt64(followers.items.count), view.following == UInt64(following.items.count),
                posts.items.filter({ known.contains($0) }) == model.posts(of: user),
                home.items.filter({ known.contains($0) }) == model.home(user),
                posts.items.count <= model.posts(of: user).count + 1
            else { return false }
        }
        return true
    }

    /// - Returns: whether the state after a crash at `point` is right.
    private static func survives(crashAt point: Int, seed: UInt64, isLying: Bool = false) throws -> Bool {
        let files = ForgettingFileSystem(crashAt: point, isLying: isLying)
        guard let cluster = try? PartitionCluster(count: 2, settings: settings(), files: files) else { return true }
        var scenario = Scenario(cluster: cluster, seed: seed)
        let isComplete = scenario.run()
        var random = SeededGenerator(seed: seed &+ UInt64(point))
        do {
            try cluster.crash(leaving: files.afterCrash(using: &random))
            try cluster.deliverEverything()
        } catch {
            return false
        }
        if try agrees(cluster, with: scenario.acknowledged) { return true }
        return try !isComplete && agrees(cluster, with: scenario.inDoubt)
    }

    private static func operations(seed: UInt64) throws -> Int {
        let files = ForgettingFileSystem()
        var scenario = Scenario(
            cluster: try PartitionCluster(count: 2, settings: settings(), files: files),
            seed: seed
        )
        let isComplete = scenario.run()
        #expect(isComplete)
        return files.operations
    }

    @Test(arguments: [1, 2] as [UInt64])
    func nothingAcknowledgedIsLostAtAnyCrashPoint(seed: UInt64) throws {
        let operations = try Self.operations(seed: seed)
        for point in 1...operations + 1 {
            #expect(try Self.survives(crashAt: point, seed: seed), "seed \(seed), crash at operation \(point)")
        }
        print("seed \(seed): crashed at each of \(operations) writes and syncs")
    }

    @Test func withoutSyncsAcknowledgedWritesAreLost() throws {
        let operations = try Self.operations(seed: 1)
        var losses = 0
        for point in stride(from: 20, through: operations, by: 5) where losses == 0 {
            if try !Self.survives(crashAt: point, seed: 1, isLying: true) { losses += 1 }
        }
        #expect(losses > 0, "removing the sync must make the test above fail")
    }
}
