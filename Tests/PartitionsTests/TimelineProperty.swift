import Mail
import Model
import Partitions
import Randomness
import Testing

/// One random run: operations, mail in any condition, crashes; timelines are compared all along.
struct TimelineProperty {
    let seed: UInt64
    private var random: SeededGenerator
    private let cluster: PartitionCluster
    private var model: SocialModel
    private var users: [UserID] = []
    private var nextUser: UInt64 = 1
    private var tweets: [TweetID] = []
    private(set) var operations = 0
    private(set) var restarts = 0
    private(set) var trims = 0
    private(set) var removalsRacingDelivery = 0
    private(set) var sinceHonoured = 0
    private(set) var comparisons = 0
    private(set) var followsOfSilent = 0
    /// Who had posted when somebody last looked: what primaries know of other partitions' users is old.
    private var knownToPost: Set<UserID> = []
    /// What a reader had seen at a position.
    private var bookmarks: [UserID: (position: Position, seen: Set<TweetID>)] = [:]

    init(seed: UInt64, cap: Int) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        var settings = PartitionSettings()
        settings.listCap = cap
        settings.pullThreshold = 4
        settings.largestFollowing = 30
        settings.followerCacheEntries = 40
        settings.recordCacheBytes = 3_000
        settings.largestHomeLists = 8
        // Few lists, or all.
        settings.homeListCacheBytes = random.one(in: 2) ? 2_000 : 1 << 20
        settings.tailEntries = 5
        settings.largestArrivals = 20
        settings.largestTails = 15
        settings.deletionSlice = 7
        cluster = try PartitionCluster(count: 4, settings: settings)
        model = SocialModel(cap: cap)
        for _ in 0..<28 {
            try createUser()
        }
    }

    var statistics: PartitionStatistics { cluster.statistics }

    mutating func run(operations count: Int) throws {
        for step in 1...count {
            try operate()
            operations += 1
            cluster.time += UInt64.random(in: 0...200_000, using: &random)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                try moveMail()
            }
            if random.one(in: 10) { knownToPost = Set(model.posts.values.map(\.author)) }
            if random.one(in: 40) { try compareWithComputed(reader()) }
            if random.one(in: 600) {
                try cluster.crash()
                restarts += 1
                bookmarks = [:]
            }
            if random.one(in: 60) { try cluster.drainTails(limit: Int.random(in: 1...5, using: &random)) }
            if random.one(in: 300) { try cluster.flush() }
            if step % 500 == 0 { try compareWithModel() }
        }
        try compareWithModel()
        try compareWithSecondary()
    }

    // MARK: Operations

    private mutating func operate() throws {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: try post()
        case 45..<55: try deleteTweet()
        case 55..<65: try follow()
        case 65..<75: try unfollow()
        case 75..<98: try read(reader())
        case 98: if random.one(in: 4) { try deleteUser() }
        default: try dropUnread()
        }
    }

    private mutating func reader() -> UserID { users.randomElement(using: &random) ?? UserID(1) }

    private func home(of user: UserID) -> PartitionID { cluster.layout.partition(of: user) }

    private mutating func createUser() throws {
        let id = UserID(nextUser)
        nextUser += 1
        let command = CreateUser(username: try Username("user\(id)"), requestedID: id, displayName: nil)
        _ = try cluster.run(.createUser(command)).get()
        users.append(id)
        model.create(id)
    }

    private mutating func post() throws {
        // One author posts more than all others, so that their list is trimmed at any cap.
        let author = random.one(in: 4) ? users.first ?? reader() : reader()
        // Some have not posted for long, so that many follow them before they do.
        guard author.rawValue % 4 > 0 || random.one(in: 50) else { return }
        var command = PostTweet(author: author, text: "tweet \(operations)")
        if random.one(in: 4), let parent = tweets.randomElement(using: &random), let post = model.posts[parent],
            !post.isDeleted
        {
            command = PostTweet(
                author: author,
                text: "reply",
                replyTo: parent,
                replyToAuthor: post.author
            )
        }
        guard case .success(.tweetID(let id)) = try cluster.run(.postTweet(command)) else {
            Issue.record("seed \(seed): post refused")
            return
        }
        tweets.append(id)
        if model.posts(of: author).count >= model.cap { trims += 1 }
        model.post(
            SocialModel.Post(id: id, author: author, replyTo: command.replyTo, replyToAuthor: command.replyToAuthor)
        )
    }

    private mutating func deleteTweet() throws {
        let recent = tweets.suffix(random.one(in: 2) ? 5 : 200)
        guard let id = recent.randomElement(using: &random), let post = model.posts[id] else { return }
        let isFresh = model.deletePost(id)
        guard model.users.contains(post.author) else { return }
        let outgoing = cluster.streams.filter { $0.source == home(of: post.author) }
        let races = try outgoing.contains { stream in
            try cluster.waiting(in: stream).flatMap(\.messages).contains { message in
                if case .delivery(_, id, _) = message { true } else { false }
            }
        }
        if races { removalsRacingDelivery += 1 }
        let answer = try cluster.run(.deleteTweet(DeleteTweet(author: post.author, tweet: id)))
        #expect(answer == .success(.integer(isFresh ? 1 : 0)), "seed \(seed)")
    }

    private mutating func follow() throws {
        let user = reader()
        let others = (0..<Int.random(in: 1...4, using: &random)).map { _ in reader() }.filter { $0 != user }
        guard !others.isEmpty, (model.following[user] ?? []).count + others.count <= 30 else { return }
        let fresh = others.filter { model.follow(user, $0) }
        followsOfSilent += fresh.filter { !knownToPost.contains($0) }.count
        let authors = others.map { FollowedAuthor($0, hasPosted: knownToPost.contains($0)) }
        try change(.follow(Follow(follower: user, authors: authors)), by: user, changed: fresh.count)
    }

    private mutating func unfollow() throws {
        let user = reader()
        let other = reader()
        guard user != other else { return }
        let isChanged = model.unfollow(user, other)
        try change(.unfollow(Unfollow(follower: user, author: other)), by: user, changed: isChanged ? 1 : 0)
    }

    /// Changes edges without waiting for backfills: they arrive with the other mail.
    private func change(_ command: Command, by user: UserID, changed: Int) throws {
        let outcome = try cluster.apply(command, in: home(of: user))
        let expected = Answer.integer(Int64(changed))
        switch outcome {
        case .done(let answer): #expect(answer == expected, "seed \(seed)")
        case .waiting(_, let fallback): #expect(fallback == expected, "seed \(seed)")
        default: Issue.record("seed \(seed): \(outcome)")
        }
    }

    private mutating func deleteUser() throws {
        guard users.count > 20, let victim = users.randomElement(using: &random) else { return }
        // Edges and posts under way to and from the user are not modelled.
        try cluster.deliverEverything()
        #expect(try cluster.run(.deleteUser(DeleteUser(user: victim))) == .success(.integer(1)), "seed \(seed)")
        users.removeAll { $0 == victim }
        model.delete(victim)
        bookmarks[victim] = nil
        try cluster.deliverEverything()
        try createUser()
    }

    private mutating func dropUnread() throws {
        for partition in cluster.partitions.values {
            _ = try partition.dropUnreadHomeLists(
                since: cluster.time / 1_000 - UInt64.random(in: 0...60_000, using: &random),
                startedAt: 0
            )
        }
    }

    // MARK: Mail

    private mutating func moveMail() throws {
        guard let stream = cluster.streams.randomElement(using: &random) else {
            return try continueDeletions()
        }
        let limit = Int.random(in: 1...20, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0: try cluster.deliver(stream, limit: limit, rewind: UInt64.random(in: 1...30, using: &random))
        case 1: try cluster.deliver(stream, limit: limit, isReceiptLost: true)
        case 2: try cluster.deliver(stream, limit: limit, skip: 1)
        case 3: try cluster.trim(stream)
        case 4: break  // late
        default: try cluster.deliver(stream, limit: limit)
        }
    }

    private mutating func continueDeletions() throws {
        for partition in cluster.partitions.values {
            for user in partition.pendingDeletions.sorted() {
                try cluster.apply(.continueDeletion(user), in: partition.id)
            }
        }
    }

    // MARK: Reading and comparing

    /// All pages of a home timeline, and the position of the first.
    private mutating func homePages(
        _ user: UserID,
        since: Position? = nil
    ) throws -> (tweets: [TweetID], position: Position, isSinceHonoured: Bool) {
        var all: [TweetID] = []
        var before: TweetID?
        var first: (Position, Bool)?
        repeat {
            let count = Int.random(in: 1...12, using: &random) * (model.cap > 100 ? 25 : random.one(in: 3) ? 10 : 1)
            let query = HomeQuery(reader: user, count: count, before: before, since: since)
            guard
                case .success(.home(let page, let position, let honoured)) = try cluster.read(
                    .home(query),
                    in: home(of: user)
                )
            else {
                Issue.record("seed \(seed): home of \(user) refused")
                break
            }
            #expect(page.next == nil || page.items.count == count, "seed \(seed): a page is not filled")
            first = first ?? (position, honoured)
            all.append(contentsOf: page.items)
            before = page.next
        } while before != nil
        let (position, honoured) = first ?? (Position(incarnation: 0, index: 0, time: 0), false)
        return (all, position, honoured)
    }

    private mutating func read(_ user: UserID) throws {
        if let bookmark = bookmarks[user] {
            let new = try homePages(user, since: bookmark.position)
            let now = try homePages(user)
            sinceHonoured += new.isSinceHonoured ? 1 : 0
            let missed = Set(now.tweets).subtracting(bookmark.seen).subtracting(new.tweets)
            #expect(missed.isEmpty, "seed \(seed): SINCE missed \(missed) for \(user)")
            #expect(Set(new.tweets).isSubset(of: now.tweets), "seed \(seed): SINCE shows what is not visible")
        }
        let now = try homePages(user)
        #expect(now.tweets == now.tweets.sorted(by: >), "seed \(seed): order")
        #expect(Set(now.tweets).count == now.tweets.count, "seed \(seed): repeated")
        bookmarks[user] = (now.position, Set(now.tweets))
    }

    /// The home list and what is computed without it must be the same at any moment, whatever mail is under way.
    private mutating func compareWithComputed(_ user: UserID) throws {
        let materialized = try homePages(user).tweets
        try cluster.partition(home(of: user)).dropHomeList(of: user)
        let computed = try homePages(user).tweets
        comparisons += 1
        #expect(
            (materialized == computed) == true,
            "seed \(seed), operation \(operations): \(materialized.count) materialized, \(computed.count) computed"
        )
    }

    private mutating func compareWithModel() throws {
        try cluster.deliverEverything()
        for user in users {
            let shown = try homePages(user).tweets
            let expected = model.home(user)
            #expect((shown == expected) == true, "seed \(seed), operation \(operations): home of \(user)")
            try compareLists(of: user)
        }
        for tweet in tweets.suffix(20) {
            try compareTweet(tweet)
        }
    }

    /// Whether entries are applied one at a time or some together is nothing that anybody can see.
    private mutating func compareWithSecondary() throws {
        let secondary = try cluster.secondary(using: &random)
        for (id, partition) in cluster.partitions {
            let copy = try secondary.partition(id)
            #expect(copy.appliedIndex == partition.appliedIndex && copy.checksum == partition.checksum, "seed \(seed)")
            #expect(
                copy.outgoingMail.waitingCount == partition.outgoingMail.waitingCount,
                "seed \(seed): letters of \(id)"
            )
            #expect((try secondary.truth(of: id) == cluster.truth(of: id)) == true, "seed \(seed): store of \(id)")
        }
        for user in users {
            let query = Query.home(HomeQuery(reader: user, count: 2 * model.cap))
            guard case .success(.home(let page, _, _)) = try cluster.read(query, in: home(of: user)),
                case .success(.home(let copy, _, _)) = try secondary.read(query, in: home(of: user))
            else {
                Issue.record("seed \(seed): home of \(user) refused")
                continue
            }
            #expect((copy == page) == true, "seed \(seed): home of \(user) at a secondary")
        }
    }

    private func compareLists(of user: UserID) throws {
        let partition = home(of: user)
        let following = try cluster.read(.following(user, count: 1_000, after: nil), in: partition)
        let followers = try cluster.read(.followers(user, count: 1_000, after: nil), in: partition)
        let timeline = try cluster.read(
            .userTimeline(user, count: 10_000, before: nil, withTexts: false),
            in: partition
        )
        guard case .success(.edges(let followed)) = following, case .success(.edges(let following)) = followers,
            case .success(.timeline(let posted)) = timeline,
            case .success(.users(let views)) = try cluster.read(.users([user]), in: partition),
            let first = views.first, let view = first
        else {
            Issue.record("seed \(seed): lists of \(user)")
            return
        }
        #expect(followed.items == (model.following[user] ?? []).reversed(), "seed \(seed): following of \(user)")
        #expect(Set(following.items) == model.followers(of: user), "seed \(seed): followers of \(user)")
        #expect(posted.items == model.posts(of: user), "seed \(seed): tweets of \(user)")
        #expect(view.following == UInt64(followed.items.count), "seed \(seed)")
        #expect(view.followers == UInt64(following.items.count), "seed \(seed)")
        #expect(view.tweets == UInt64(posted.items.count), "seed \(seed)")
    }

    private func compareTweet(_ id: TweetID) throws {
        guard let partition = cluster.layout.partition(of: id),
            case .success(.tweets(let found)) = try cluster.read(.tweets([id]), in: partition)
        else { return }
        let tweet = found.first.flatMap { $0 }
        #expect((tweet != nil) == (model.posts[id]?.isDeleted == false), "seed \(seed): tweet \(id)")
        if let tweet { #expect(tweet.replies == UInt64(model.replies(to: id)), "seed \(seed): replies of \(id)") }
    }
}
