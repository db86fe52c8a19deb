import Model
import Partitions
import Testing

/// Tweets are kept in memory when they are read: what is read again is as the log has left it.
@Suite struct TweetReadsTests {
    private let cluster: PartitionCluster
    private let author = UserID(1)
    private let home: PartitionID

    init() throws {
        var settings = PartitionSettings()
        // Not all of a hundred tweets.
        settings.tweetCacheBytes = 4_000
        cluster = try PartitionCluster(count: 2, settings: settings)
        home = cluster.layout.partition(of: author)
        let command = CreateUser(username: try Username("author"), requestedID: author, displayName: nil)
        _ = try cluster.run(.createUser(command)).get()
    }

    private func post(_ text: String, replyTo: TweetID? = nil) throws -> TweetID {
        let command = PostTweet(
            author: author,
            text: text,
            replyTo: replyTo,
            replyToAuthor: replyTo.map { _ in author }
        )
        guard case .tweetID(let id) = try cluster.run(.postTweet(command)).get() else {
            throw PartitionFailure.broken("no id")
        }
        return id
    }

    private func read(_ ids: [TweetID]) throws -> [Tweet?] {
        guard case .tweets(let tweets) = try cluster.read(.tweets(ids), in: home).get() else { return [] }
        return tweets
    }

    @Test func everyChangeIsReadAtOnce() throws {
        let tweet = try post("first")
        #expect(try read([tweet]).first??.replies == 0)
        let reply = try post("reply", replyTo: tweet)
        try cluster.deliverEverything()
        #expect(try read([tweet, reply]).map { $0?.replies } == [1, 0])
        _ = try cluster.run(.deleteTweet(DeleteTweet(author: author, tweet: reply))).get()
        try cluster.deliverEverything()
        #expect(try read([tweet, reply]).map { $0?.replies } == [0, nil])
        _ = try cluster.run(.deleteTweet(DeleteTweet(author: author, tweet: tweet))).get()
        #expect(try read([tweet, reply]) == [nil, nil])
    }

    @Test func tweetsOfADeletedUserAreGone() throws {
        let tweets = try (0..<3).map { try post("\($0)") }
        #expect(try read(tweets).map { $0?.text } == ["0", "1", "2"])
        _ = try cluster.run(.deleteUser(DeleteUser(user: author))).get()
        #expect(try read(tweets) == [nil, nil, nil])
    }

    @Test func whatIsNotKeptIsReadFromTheStore() throws {
        let texts = (0..<100).map { "tweet \($0)" }
        let tweets = try texts.map { try post($0) }
        for _ in 0..<3 {
            #expect(try read(tweets).map { $0?.text } == texts)
        }
    }
}
